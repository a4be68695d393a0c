"""The tables: ours, by cell, beside the published numbers; each if there are trials for it."""

from collections.abc import Iterator

import pandas as pd

from analysis.captions import MISSING, limits, option_texts
from analysis.grouping.cells import LEVEL, cell_columns
from analysis.grouping.comparisons import Comparisons
from analysis.grouping.conditions import CONDITIONS, REGULARIZER_FIELDS, ROTATION, condition, on_imagenet, regularizers
from analysis.published import read
from analysis.statistics.changed_labels import changed_text, of_trials
from analysis.tables.cell_rows import (
    CONDITION,
    IN_NETWORK,
    NETWORK,
    Row,
    cells_of,
    error_of,
    fitted_of,
    groups_of,
    named,
    network_of,
    spread_of,
)
from analysis.tables.imagenet_tables import table_2, variants_table
from analysis.tables.ranking_tables import ranking_tables
from analysis.tables.table import Table, plain
from rethink.spec import number_text

# This project's choice (the paper names no coefficient): only rows with it stand beside published ones.
CHOSEN_WEIGHT_DECAY = 5e-4
_DECAY = (
    f"The paper names no weight decay coefficient: {CHOSEN_WEIGHT_DECAY:g} is this project's choice, and rows with any "
    "other stand beside no published ones."
)
THRESHOLDS = (0.1, 0.01)  # of the training loss, nats
PUBLISHED_REGULARIZERS = {
    "none": None,
    "weight decay": "weight_decay",
    "random crop": "random_crop",
    f"flip + rotation {ROTATION:g}°": "augmentation",
}

_ONLINE = (
    "With a random crop or augmentation (left-right flips and rotation by up to 25 degrees, no crop) the published "
    "train accuracy is the mean during training, over augmented images (the paper's footnote 1): it belongs beside the "
    "running one, over a trial's last epoch. There the paper also trained for longer, at a rate that fell by 0.999 an "
    "epoch instead of 0.95 (appendix E)."
)
READING = (
    "Epochs to fit: median [least to greatest of the fitted; k > e: k trials not fitted after e epochs or more]. "
    "Train accuracy is over the whole training set as corrupted, unaugmented, in evaluation mode."
)


def published_tables(found: Comparisons) -> list[Table]:
    """Every table that these trials contain."""
    made = [table(found) for table in (_inputs, _table_1, _table_4, _batch_norm, _learning_rates, _levels)]
    made += [table_2(found.trials), variants_table(found.imagenet)]
    return [table for table in made if table is not None]


def to_markdown(found: Comparisons, scale: str) -> str:
    """All of them and the ranking, with the scale of ours and the source of what was published."""
    head = [
        "# Tables",
        f"Ours: {plain(scale)}. n counts trials; ±: sample standard deviation over the n trials.",
        READING,
    ]
    tables = [*published_tables(found), *ranking_tables(found)]
    return "\n\n".join([*head, *(table.to_markdown() for table in tables)]) + "\n"


def _inputs(found: Comparisons) -> Table | None:
    chosen = found.inputs
    if chosen is None:
        return None
    peer = read("peer_fig1a_thresholds")
    published = peer.table.set_index(peer.table["condition"].str.replace("_", " "))
    rows = []
    for cell, trials in cells_of(chosen[0], CONDITION):
        name = condition(trials).iloc[0]
        steps = [_steps_below(found.epochs, trials, threshold) for threshold in THRESHOLDS]
        theirs = [f"{published[f'steps_to_loss_{threshold}'][name]:,}" for threshold in THRESHOLDS]
        rows.append([*network_of(cell), name, fitted_of(cell), cell["epochs"], *steps, error_of(cell), *theirs])
    rows.sort(key=lambda row: (*row[:3], CONDITIONS.index(row[3])))
    head = ["steps to loss < 0.1", "steps to loss < 0.01"]
    names = [*NETWORK, "condition", "fitted", "epochs to fit", *head, "test error", *(f"{h}, published" for h in head)]
    return Table("Input corruption (Figure 1a)", f"Published: {peer.source}.", names, rows)


def _steps_below(epochs: pd.DataFrame, trials: pd.DataFrame, threshold: float) -> str:
    """The steps after the first epoch whose running loss is below the threshold; ">": no epoch's loss is."""
    texts = []
    for _, trial in trials.sort_values("seed").iterrows():
        rows = epochs[(epochs["run"] == trial["run"]) & (epochs["spec_id"] == trial["spec_id"])]
        rows = rows[rows["fitted"].notna()]  # inside an epoch the mean is of fewer steps
        below = rows.loc[rows["train_loss"] < threshold, "steps"]
        texts.append(str(below.iloc[0]) if len(below) else f"> {rows['steps'].max() if len(rows) else 0}")
    return ", ".join(texts)


def _table_1(found: Comparisons) -> Table | None:
    if found.regularizers is None:
        return None
    paper = read("paper_table1_cifar10")
    trials = found.trials[condition(found.trials).isin(CONDITIONS[:2]) & ~on_imagenet(found.trials)]
    rows = []
    for cell, own in cells_of(trials, (*CONDITION, *REGULARIZER_FIELDS)):
        labels = condition(own).iloc[0]
        theirs = _of_table_1(paper.table, cell, labels)
        accuracies = [spread_of(cell, "train_accuracy"), spread_of(cell, "test_accuracy")]
        rows.append([*network_of(cell), cell["regularizers"], labels, fitted_of(cell), *accuracies, *theirs])
    rows.sort(key=lambda row: (*row[:3], row[4] != CONDITIONS[0], row[3]))
    names = [*NETWORK, "regularizers", "labels", "fitted", "train accuracy, %", "test accuracy, %"]
    names += ["train, published", "test, published"]
    return Table("Explicit regularization (Table 1)", f"Published: {paper.source}. {_DECAY}", names, rows)


def _of_table_1(table: pd.DataFrame, cell: Row, labels: str) -> list[str]:
    norm: str | None = {True: "yes", False: "no"}.get(cell["batch_norm"])
    same = (
        (table["model"] == cell["model"])
        & (table["batch_norm"].isna() if norm is None else table["batch_norm"] == norm)
        & (table["random_crop"] == ("yes" if cell["random_crop"] else "no"))
        & (table["weight_decay"] == ("yes" if cell["weight_decay"] > 0 else "no"))
        & (table["labels"] == labels.split()[0])
    )
    others = cell["dropout"] > 0 or cell["flip"] or cell["rotation"] > 0
    if others or not _has_known_decay(cell) or not same.any():
        return [MISSING, MISSING]
    row = table[same].iloc[0]
    return [f"{row['train_accuracy']:.2f}", f"{row['test_accuracy']:.2f}"]


def _has_known_decay(cell: Row) -> bool:
    return cell["weight_decay"] in (0, CHOSEN_WEIGHT_DECAY)


def _table_4(found: Comparisons) -> Table | None:
    trials = found.trials[(condition(found.trials) == CONDITIONS[1]) & ~on_imagenet(found.trials)]
    if regularizers(trials).nunique() < 2:
        return None
    paper = read("paper_table4_random_labels")
    published = paper.table.set_index(["model", "regularizer"])["train_accuracy"].to_dict()
    rows = []
    for cell, own in cells_of(trials, (*CONDITION, *REGULARIZER_FIELDS)):
        name = cell["regularizers"]
        # The paper's Inception has BatchNorm.
        alone = PUBLISHED_REGULARIZERS.get(regularizers(own).iloc[0]) if _has_known_decay(cell) else None
        key = (cell["model"], alone) if cell["batch_norm"] is not False else None
        theirs = str(published.get(key, MISSING)).replace("_", " ")
        accuracies = [spread_of(cell, "train_accuracy"), spread_of(cell, "running_train_accuracy")]
        rows.append([*network_of(cell), name, fitted_of(cell), cell["epochs"], *accuracies, theirs])
    rows.sort(key=lambda row: (row[:3], row[3] != "none", row[3]))
    names = [*NETWORK, "regularizer", "fitted", "epochs to fit", "train accuracy, %", "running train accuracy, %"]
    names.append("train accuracy, published")
    text = f"Published: {paper.source}. {_ONLINE} {_DECAY}"
    return Table("Random labels with a regularizer (Table 4)", text, names, rows)


def _batch_norm(found: Comparisons) -> Table | None:
    chosen = found.batch_norms
    if chosen is None:
        return None
    paper = read("paper_table1_cifar10")
    rows = []
    for cell, own in cells_of(chosen[0], (LEVEL,)):
        labels = condition(own).iloc[0]
        theirs = [MISSING, MISSING] if pd.isna(labels) else _of_table_1(paper.table, cell, labels)
        train, test = spread_of(cell, "train_accuracy"), spread_of(cell, "test_accuracy")
        level = [number_text(cell[LEVEL]), changed_text(cell)]
        rows.append([*network_of(cell), *level, fitted_of(cell), cell["epochs"], train, test, theirs[1]])
    names = [
        *NETWORK,
        "level p",
        "labels changed, %",
        "fitted",
        "epochs to fit",
        "train accuracy, %",
        "test accuracy, %",
    ]
    names.append("test, published")
    return Table("BatchNorm (Figure 2b)", f"Published: {paper.source}.", names, rows)


def _learning_rates(found: Comparisons) -> Table | None:
    trials = found.rates
    if trials is None:
        return None
    rows = []
    for group, also in _searches(trials):
        first = group.iloc[0]
        fitted = group[group["fitted"]].sort_values(["epochs_to_fit", "learning_rate"])
        best = (
            [f"{fitted['learning_rate'].iloc[0]:g}", str(fitted["epochs_to_fit"].iloc[0])]
            if len(fitted)
            else [MISSING] * 2
        )
        reasons = (["scheduler"], ["max_epochs", "max_steps"], ["diverged"])
        ends = [str(int(group["stop_reason"].isin(reason).sum())) for reason in reasons]
        counts = [str(len(group)), str(len(fitted)), *ends]
        network = {**named(first.to_dict()), "also": also}
        level = [number_text(first[LEVEL]), of_trials(group)]
        rows.append([*network_of(network), *level, *best, *counts])
    head = [
        "level p",
        "labels changed, %",
        "fits first: rate",
        "epochs",
        "trials",
        "fitted",
        "given up by halving",
        limits(trials),
        "diverged",
    ]
    text = (
        "One trial a rate and replicate. Given up by halving (right-censored): others of the cell were ahead at a rung."
    )
    return Table("Learning rate", text, [*NETWORK, *head], rows)


def _searches(trials: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, list[str]]]:
    """(trials that differ in seeds and learning rates alone, what else tells them from others of network and level)."""
    for _, alike in groups_of(trials, [*IN_NETWORK, LEVEL]):
        names = [name for name in cell_columns(alike) if name != "learning_rate"]
        further = [name for name in names if name not in (*IN_NETWORK, LEVEL) and len(alike[name].unique()) > 1]
        for _, group in groups_of(alike, names):
            yield group, option_texts({name: group[name].iloc[0] for name in further})


def _levels(found: Comparisons) -> Table | None:
    trials = found.levels
    if trials.empty:
        return None
    original = read("original_label_corruption")
    published = original.table.set_index(["model", "level"])
    rows = []
    for cell, _ in cells_of(trials, (LEVEL,)):
        # The original project's AlexNet is another network, on enlarged images: its numbers do not compare.
        key = (cell["model"], cell[LEVEL])
        known = published.loc[key] if key in published.index else None
        theirs = [MISSING, MISSING]
        if known is not None:
            theirs = [f"{known['epochs_to_converge']:g}", f"{known['test_error']:.3f}"]
        level = [number_text(cell[LEVEL]), changed_text(cell)]
        rows.append([*network_of(cell), *level, fitted_of(cell), cell["epochs"], error_of(cell), *theirs])
    names = [
        *NETWORK,
        "level p",
        "labels changed, %",
        "fitted",
        "epochs to fit",
        "test error",
        "epochs, published",
        "test error, published",
    ]
    return Table("Label corruption (Figures 1b, 1c)", f"Published: {original.source}.", names, rows)
