"""Every column of the frames of statistics: cells, slowdowns and effects."""

from analysis.schema.columns import Column

_CHANGED = (
    Column("labels_changed_mean", "Float64", "fraction", "mean of `labels_changed` over the trials of the cell"),
    Column("labels_changed_min", "Float64", "fraction", "its least"),
    Column("labels_changed_max", "Float64", "fraction", "its greatest"),
)


STATISTICS = (
    Column("n", "Int64", "trials", "trials of the cell, whatever became of them"),
    Column("fitted", "Int64", "trials", "of them, *fitted*"),
    Column("censored", "Int64", "trials", "of them, *censored*"),
    Column("diverged", "Int64", "trials", "of the censored, those that diverged"),
    Column("contradicted", "Int64", "trials", "of the censored, those that could never fit (*contradiction*)"),
    *_CHANGED,
    Column("failed", "Int64", "trials", "of them, *failed*"),
    Column("unfinished", "Int64", "trials", "of them, *unfinished* or *not started*"),
    Column(
        "epochs_to_fit_median",
        "Float64",
        "epochs",
        "median over all n, an unfitted trial standing for any time above its censoring time; "
        "null where that leaves the median open",
    ),
    Column("epochs_to_fit_above", "Float64", "epochs", "where it is open: the median is above this"),
    Column("epochs_to_fit_min", "Int64", "epochs", "least over the fitted trials"),
    Column("epochs_to_fit_max", "Int64", "epochs", "greatest over the fitted trials"),
    Column("unfitted_from", "Int64", "epochs", "least censoring time of the unfitted trials"),
    Column("given_up", "Int64", "trials", "of the censored, those that the inner scheduler gave up for doing badly"),
    Column(
        "km_median",
        "Float64",
        "epochs",
        "Kaplan-Meier median over all n; a diverged trial never fits, nor one with a contradiction; every other "
        "unfitted one may at any later epoch; null where it is open, or if `given_up`: such censoring would bias it",
    ),
    Column(
        "km_median_low",
        "Float64",
        "epochs",
        "its 95% interval (Brookmeyer-Crowley, log-log, asymptotic: few trials are covered less often); null for n < 2",
    ),
    Column("km_median_high", "Float64", "epochs", "upper end; null also where it is open"),
    Column(
        "restricted_mean",
        "Float64",
        "epochs",
        "Kaplan-Meier mean of min(epochs to fit, `horizon`) over all n; null if the last trial seen, unfitted, was "
        "not seen to the horizon, if `given_up`, or without a whole epoch up to the horizon",
    ),
    Column(
        "restricted_mean_low",
        "Float64",
        "epochs",
        "its 95% interval (Greenwood's variance times n / (n - 1), Student's t, clipped to 0 and the horizon; a trial "
        "without an epoch does not count); null for n < 2, and if no trial fitted; a point if all times are equal",
    ),
    Column("restricted_mean_high", "Float64", "epochs", "upper end"),
    Column("horizon", "Int64", "epochs", "that of its trials, which share all that decides it; null if null of all"),
    Column(
        "test_error_n",
        "Int64",
        "trials",
        "trials that the test error statistics are over: ended, not by an error, and measured at the last row",
    ),
    Column("test_error_mean", "Float64", "fraction", "their mean"),
    Column("test_error_std", "Float64", "fraction", "their sample standard deviation (n - 1); null for n < 2"),
    Column(
        "test_error_low",
        "Float64",
        "fraction",
        "95% interval of the mean (Student's t); null for n < 2; a point if all are equal",
    ),
    Column("test_error_high", "Float64", "fraction", "upper end"),
    Column("test_error_min", "Float64", "fraction", "their least"),
    Column("test_error_max", "Float64", "fraction", "their greatest"),
    Column("gap_n", "Int64", "trials", "the same for the generalization gap"),
    Column("gap_mean", "Float64", "fraction", "mean generalization gap"),
    Column("gap_std", "Float64", "fraction", "its sample standard deviation; null for n < 2"),
    Column("gap_low", "Float64", "fraction", "95% interval of the mean (Student's t); null for n < 2"),
    Column("gap_high", "Float64", "fraction", "upper end"),
    Column("minutes", "Float64", "min", "`seconds` summed over the cell; null if that of any trial is"),
    Column("damaged_lines", "Int64", "lines", "unreadable lines in the cell's row files"),
)


SLOWDOWNS = (
    *_CHANGED,
    Column("pairs", "Int64", "pairs", "trials of the cell that have a partner: level 0, equal in all else, seeds too"),
    Column("unpaired", "Int64", "trials", "trials of the cell that have none"),
    Column("both_fitted", "Int64", "pairs", "pairs of which both trials fitted"),
    Column(
        "slowdown_median",
        "Float64",
        "",
        "median over all pairs of epochs to fit, divided by the partner's; null where unfitted trials leave it open",
    ),
    Column("slowdown_above", "Float64", "", "where it is open: it is at least this; null if nothing is known"),
    Column("slowdown_mean", "Float64", "", "geometric mean; null unless both trials of every pair fitted"),
    Column("slowdown_low", "Float64", "", "its 95% interval (Student's t of the logarithms); null for one pair"),
    Column("slowdown_high", "Float64", "", "upper end"),
)


EFFECTS = (
    *_CHANGED,
    Column(
        "regularizer",
        "category",
        "",
        "spec field that is off in one trial of a pair and on in the other; two joined by _and_: both are",
    ),
    Column(
        "strength",
        "Float64",
        "",
        "its value where on (_and_: the second's); null for a switch; random_crop: `crop_padding`",
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
        "pairs in which both were measured, in trials that ended; for epochs: all, or none unless all fitted",
    ),
    Column("mean", "Float64", "", "mean difference"),
    Column("low", "Float64", "", "its 95% interval (Student's t); null for n < 2"),
    Column("high", "Float64", "", "upper end"),
    Column(
        "effect_size",
        "Float64",
        "",
        "mean over the standard deviation of the differences, with Hedges' correction for small n; null for n < 3, "
        "for which the correction leaves nothing, and where all differences are equal",
    ),
)
