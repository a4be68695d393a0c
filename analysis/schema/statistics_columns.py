"""Every column of the frames of statistics: cells, slowdowns, effects, capacity and ranking."""

from analysis.schema.columns import Column
from rethink.records.measures.measure_file import MOMENTS
from rethink.records.measures.registry import NAMES

_CHANGED = (
    Column("labels_changed_mean", "Float64", "fraction", "mean `labels_changed` of the cell; null if any is"),
    Column("labels_changed_min", "Float64", "fraction", "least `labels_changed` of the cell"),
    Column("labels_changed_max", "Float64", "fraction", "greatest `labels_changed` of the cell"),
)


STATISTICS = (
    Column("n", "Int64", "trials", "trials of the cell, whatever became of them"),
    Column("fitted", "Int64", "trials", "trials of the cell that are *fitted*"),
    Column("censored", "Int64", "trials", "trials of the cell that are *censored*"),
    Column("diverged", "Int64", "trials", "censored trials that diverged"),
    Column("contradicted", "Int64", "trials", "censored trials that could never fit (*contradiction*)"),
    *_CHANGED,
    Column("failed", "Int64", "trials", "trials of the cell that are *failed*"),
    Column("unfinished", "Int64", "trials", "trials of the cell that are *unfinished* or *not started*"),
    Column(
        "epochs_to_fit_median",
        "Float64",
        "epochs",
        "median over all n; an unfitted trial counts as any time above its censoring time; "
        "null where that leaves the median open",
    ),
    Column("epochs_to_fit_above", "Float64", "epochs", "where the median is open: it is above this"),
    Column("epochs_to_fit_min", "Int64", "epochs", "least over the fitted trials"),
    Column("epochs_to_fit_max", "Int64", "epochs", "greatest over the fitted trials"),
    Column("unfitted_from", "Int64", "epochs", "least censoring time of the unfitted trials"),
    Column("given_up", "Int64", "trials", "censored trials that the inner scheduler gave up for doing badly"),
    Column(
        "km_median",
        "Float64",
        "epochs",
        "Kaplan-Meier median over all n. Trials that diverged or have a contradiction never fit; every other "
        "unfitted trial may fit at any later epoch. Null where the median is open, and if any trial was `given_up`: "
        "such censoring would bias it",
    ),
    Column(
        "km_median_low",
        "Float64",
        "epochs",
        "lower end of its 95% interval (Brookmeyer-Crowley, log-log; asymptotic: with few trials it covers less "
        "often); null for n < 2",
    ),
    Column("km_median_high", "Float64", "epochs", "upper end of the interval; null also where it is open"),
    Column(
        "restricted_mean",
        "Float64",
        "epochs",
        "Kaplan-Meier mean of min(epochs to fit, `horizon`) over all n. Null if the trial observed longest did not "
        "fit and was not observed to the horizon, if any trial was `given_up`, and without a whole epoch up to the "
        "horizon",
    ),
    Column(
        "restricted_mean_low",
        "Float64",
        "epochs",
        "lower end of its 95% interval (Greenwood's variance times n / (n - 1), Student's t, clipped to 0 and the "
        "horizon; a trial without an epoch does not count). Null for n < 2, and if no trial fitted; a point if all "
        "times are equal",
    ),
    Column("restricted_mean_high", "Float64", "epochs", "upper end of the interval"),
    Column(
        "horizon",
        "Int64",
        "epochs",
        "horizon of the trials, which share it; null if it is null for all of them",
    ),
    Column(
        "test_error_n",
        "Int64",
        "trials",
        "trials in the test error statistics: those that ended, not by an error, and were measured at the last row",
    ),
    Column("test_error_mean", "Float64", "fraction", "mean test error"),
    Column("test_error_std", "Float64", "fraction", "sample standard deviation (n - 1); null for n < 2"),
    Column(
        "test_error_low",
        "Float64",
        "fraction",
        "lower end of the 95% interval of the mean: replicates by Student's t, the finite test set by Wilson's score "
        "interval, together by squares; null for n < 2",
    ),
    Column("test_error_high", "Float64", "fraction", "upper end of the interval"),
    Column("test_error_min", "Float64", "fraction", "least test error"),
    Column("test_error_max", "Float64", "fraction", "greatest test error"),
    Column("gap_n", "Int64", "trials", "trials in the statistics of the generalization gap, chosen in the same way"),
    Column("gap_mean", "Float64", "fraction", "mean generalization gap"),
    Column("gap_std", "Float64", "fraction", "its sample standard deviation; null for n < 2"),
    Column("gap_low", "Float64", "fraction", "lower end of the 95% interval of the mean, as that of the test error"),
    Column("gap_high", "Float64", "fraction", "upper end of the interval"),
    Column(
        "minutes",
        "Float64",
        "min",
        "sum of `seconds` over the cell; null if that of any trial is null",
    ),
    Column("damaged_lines", "Int64", "lines", "unreadable lines in the cell's row files"),
)


SLOWDOWNS = (
    *_CHANGED,
    Column("pairs", "Int64", "pairs", "trials of the cell that have a partner: level 0, equal in all else, seeds too"),
    Column("unpaired", "Int64", "trials", "trials of the cell that have no partner"),
    Column("both_fitted", "Int64", "pairs", "pairs of which both trials fitted"),
    Column(
        "slowdown_median",
        "Float64",
        "",
        "median over all pairs of epochs to fit, divided by the partner's; null where unfitted trials leave it open",
    ),
    Column("slowdown_above", "Float64", "", "where the median is open: it is at least this; null if nothing is known"),
    Column("slowdown_mean", "Float64", "", "geometric mean; null unless both trials of every pair fitted"),
    Column(
        "slowdown_low",
        "Float64",
        "",
        "lower end of its 95% interval (t of the logarithms); null for one pair",
    ),
    Column("slowdown_high", "Float64", "", "upper end of the interval"),
)


EFFECTS = (
    *_CHANGED,
    Column(
        "regularizer",
        "category",
        "",
        "spec field that is off in one trial of a pair and on in the other; two fields joined by _and_: both are",
    ),
    Column(
        "strength",
        "Float64",
        "",
        "value of the field where it is on (_and_: the second's); null for a switch; random_crop: `crop_padding`",
    ),
    Column("pairs", "Int64", "pairs", "pairs of trials that are equal in all else, seeds too"),
    Column("unpaired", "Int64", "trials", "trials with the regularizer, otherwise of this cell, that have no partner"),
    Column(
        "measure",
        "category",
        "",
        "what is compared: test_accuracy, exact_train_accuracy, generalization_gap (with minus without, fractions), "
        "log2_epochs_to_fit (binary logarithm of the ratio)",
    ),
    Column(
        "n",
        "Int64",
        "pairs",
        "pairs in which both trials ended and were measured; for epochs: all pairs if all trials fitted, else none",
    ),
    Column("mean", "Float64", "", "mean difference"),
    Column(
        "low",
        "Float64",
        "",
        "lower end of its 95% interval (Student's t; of test accuracy and gap with the finite test set's part, as if "
        "both networks erred independently); null for n < 2",
    ),
    Column("high", "Float64", "", "upper end of the interval"),
    Column(
        "effect_size",
        "Float64",
        "",
        "mean divided by the standard deviation of the differences, with Hedges' correction for small n; null for "
        "n < 3, where the correction is 0, and where all differences are equal",
    ),
)


CAPACITY = (
    Column("trials", "Int64", "trials", "trials of all sizes, whatever became of them"),
    Column("sizes", "Int64", "", "distinct sizes of the training set"),
    Column(
        "fitted_samples",
        "Int64",
        "images",
        "greatest size, below the first that was not fitted, of which every trial fitted: the network's effective "
        "complexity is at least this; null if there is none",
    ),
    Column(
        "unfitted_samples",
        "Int64",
        "images",
        "least size of which some trial ended without a fit; null: none did, so the capacity is open above",
    ),
    Column("unfitted_share", "Float64", "fraction", "share of that size's trials that are not fitted"),
    Column(
        "fitted_above",
        "Int64",
        "images",
        "greatest size above `unfitted_samples` of which every trial fitted all the same; null: there is none",
    ),
    Column(
        "unknown_sizes",
        "Int64",
        "",
        "sizes that say neither, since a trial failed by an error or has not ended; they bound nothing",
    ),
    Column("horizon", "Int64", "epochs", "greatest horizon of the trials: the bracket holds for that many epochs"),
)


# Measures that know nothing of the gap, in the ranking beside those that are judged.
NULL_BY_NETWORK, NULL_BY_SETTING, CONSTANT = "null_by_network", "null_by_setting", "null_constant"
RANKED = {
    "tau": "Kendall's τ-b over all pairs of networks",
    "psi": "granulated τ: mean of τ over the groups of networks that differ in one hyperparameter alone and share "
    "their seeds; over all: the mean over hyperparameters",
    "conditional_information": "share of what is unknown of the order of two gaps, given hyperparameters, that the "
    "order of the measure tells, 0 to 1; over all: the least, given any two of them at most",
    "sign_error_mean": "sign-error over environments, two settings that differ in one hyperparameter: their mean; "
    "0: ordered as the gaps are, 1: the other way round, 0.5: a coin",
    "sign_error_90": "their 90th percentile",
    "sign_error_max": "their supremum, the robust sign-error",
}
RANKING = (
    Column("moment", "category", "", "of training, as in `measures`", tuple(MOMENTS)),
    Column(
        "measure",
        "category",
        "",
        f"name of the measure; *{NULL_BY_NETWORK}*: pure noise; *{NULL_BY_SETTING}*: noise that replicates share; "
        f"*{CONSTANT}*: the same for all, normalized, so it orders by the size of the training set alone",
        (NULL_BY_NETWORK, NULL_BY_SETTING, CONSTANT, *NAMES),
    ),
    Column(
        "normalized",
        "boolean",
        "",
        "whether it is √(value / `train_samples`), of a logarithm half of (value - ln `train_samples`); such rows are "
        "there where `train_samples` differs",
    ),
    Column("statistic", "category", "", "; ".join(f"*{k}*: {v}" for k, v in RANKED.items()), tuple(RANKED)),
    Column(
        "hyperparameter",
        "category",
        "",
        "the one whose groups, or environments, these are, or which the information is conditional on; null: over all",
    ),
    Column(
        "value",
        "Float64",
        "",
        "the statistic; null if nothing defines it: no pair, group or environment is left, or the measure ties all; of "
        "a known-null measure but the constant: the mean over 100 draws",
    ),
    Column(
        "low",
        "Float64",
        "",
        "lower end of its 95% interval by bootstrap over replicates (1,000 draws, expanded percentiles); null for one "
        "replicate. Of a known-null measure but the constant: the range of 95 of its 100 draws",
    ),
    Column("high", "Float64", "", "upper end of the interval"),
    Column("n", "Int64", "", "pairs of networks (*tau*, *conditional_information*), groups, or environments behind it"),
    Column(
        "left_out",
        "Int64",
        "",
        "further pairs, groups or environments whose gaps differ by no more than the noise of the test set, or, of "
        "environments, whose pairs that do have an effective number below 12",
    ),
    Column("networks", "Int64", "trials", "networks with this measure at this moment"),
    Column("without_value", "Int64", "trials", "networks of this moment that lack it, or in which it is not finite"),
    Column("trials", "Int64", "trials", "all trials, also those that never came to this moment"),
    Column("settings", "Int64", "", "different values of all hyperparameters"),
    Column("replicates", "Int64", "", "different values of all seeds"),
)
