"""The tables of ImageNet: the paper's Table 2 and the original project's three variants, ours beside theirs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.captions import MISSING
from analysis.grouping.cells import LEVEL
from analysis.grouping.comparisons import ORIGINAL_VARIANTS, Chosen
from analysis.grouping.conditions import (
    CONDITIONS,
    REGULARIZER_FIELDS,
    ROTATION,
    augmentation_text,
    condition,
    on_imagenet,
    original_variant,
)
from analysis.grouping.ended_trials import ended_trials
from analysis.published import read
from analysis.published.variants import original_variants
from analysis.tables.cell_rows import CONDITION, NETWORK, Row, cells_of, fitted_of, network_of
from analysis.tables.number_texts import mean_and_spread
from analysis.tables.table import Table

MODEL = "inception_v3"  # the paper's and the original project's; other networks have no published counterpart
PAPERS_AUGMENTATION = "random resized crop + flip"  # this project's choice: the paper's Table 2 says only yes
_DESCRIBING = (*CONDITION, *REGULARIZER_FIELDS, "view", "learning_rate_decay")
_PARENTHESES = (
    "Test accuracy: at the last row and, in parentheses, the best at any row of the same trials: early stopping's "
    "potential, chosen on the test set and never a result"
)
_PART = "*: over the train_eval_samples alone."
_TABLE_2 = (
    f"{_PARENTHESES} (so are the paper's parentheses). Train accuracy: over the whole training set, labels as given, "
    f"no augmentation; {_PART} Augmentation, dropout, weight decay and schedule by what they are, of which the paper's "
    f"table says only yes or no: its rows with augmentation stand beside {PAPERS_AUGMENTATION}, those with dropout or "
    "weight decay beside any strength. View: what is seen of a test image; the paper resizes the whole image."
)
_VARIANTS = (
    f"{_PARENTHESES}. Train accuracy: running, over the steps before the last row, as the figure has it, and over the "
    f"whole training set; {_PART} Augmentation: flips and rotation by up to {ROTATION:g} degrees, as theirs."
)


def table_2(trials: pd.DataFrame) -> Table | None:
    """The cells on true and on random labels, with the paper's numbers."""
    chosen = trials[on_imagenet(trials) & condition(trials).isin(CONDITIONS[:2])]
    if chosen.empty:
        return None
    paper = read("paper_table2_imagenet")
    rows = [
        [
            *network_of(cell),
            str(condition(own).iloc[0]),
            *_toggles(cell),
            cell["view"],
            fitted_of(cell),
            *_measured(own),
            *_of_paper(paper.table, cell),
        ]
        for cell, own in sorted(cells_of(chosen, _DESCRIBING), key=_in_the_papers_order)
    ]
    measured = [f"{which} top-{k}, %" for which in ("train", "test") for k in (1, 5)]
    head = [*NETWORK, "labels", "augmentation", "dropout", "weight decay", "LR schedule", "view", "fitted", *measured]
    head += [f"{name.removesuffix(', %')}, published" for name in measured]
    return Table("ImageNet (Table 2)", f"Published: {paper.source}. {_TABLE_2}", head, rows)


def variants_table(imagenet: Mapping[str, Chosen]) -> Table | None:
    """The original project's three variants: dropout, no weight decay, with augmentation and schedule or without."""
    chosen = imagenet.get(ORIGINAL_VARIANTS)
    if chosen is None:
        return None
    own, lines, _, _ = chosen
    source, published = read("original_imagenet_explicit_regularization").source, original_variants()
    rows = []
    for cell, group in sorted(cells_of(own, _DESCRIBING), key=_in_the_papers_order):
        theirs = _of_original(published[str(original_variant(cell))]) if cell["model"] == MODEL else [MISSING] * 3
        running = _percent(ended_trials(group)["train_accuracy"])
        train, _, test, _ = _measured(group)
        described = [str(lines[group.index[0]]), cell["view"], fitted_of(cell), _thousands(group)]
        rows.append([*network_of(cell), *described, running, train, test, *theirs])
    head = ["thousand steps", "train, running, %", "train, %", "test, %"]
    names = [*NETWORK, "variant", "view", "fitted", *head]
    names += [f"{name}, published" for name in ("thousand steps", "train", "test")]
    title = "ImageNet, variants of the original project (Effect of Explicit Regularization)"
    return Table(title, f"Published: {source}. {_VARIANTS}", names, rows)


def _in_the_papers_order(pair: tuple[Row, pd.DataFrame]) -> tuple[Any, ...]:
    cell, _ = pair
    augmented = augmentation_text(cell)
    off = (augmented == "no", augmented, -cell["dropout"], -cell["weight_decay"], cell["learning_rate_decay"])
    return (*network_of(cell), cell[LEVEL], *off)


def _toggles(cell: Row) -> list[str]:
    strengths = [f"{cell[name]:g}" if cell[name] > 0 else "no" for name in ("dropout", "weight_decay")]
    return [augmentation_text(cell), *strengths, f"{cell['learning_rate_decay']:g}" if _has_schedule(cell) else "no"]


def _has_schedule(cell: Row) -> bool:
    return bool(cell["learning_rate_decay"] < 1)


def _measured(trials: pd.DataFrame) -> list[str]:
    """Train top-1 and top-5, test top-1 and top-5 of the trials that ended."""
    ended = ended_trials(trials)
    train = [_train(ended, name) for name in ("accuracy", "top5_accuracy")]
    return [*train, *(_test(ended, name) for name in ("test_accuracy", "test_top5_accuracy"))]


def _train(ended: pd.DataFrame, name: str) -> str:
    whole, part = (ended[f"{prefix}_{name}"].dropna() for prefix in ("exact_train", "train_eval"))
    return _percent(whole) if len(whole) >= len(part) else _percent(part, mark="*")


def _test(ended: pd.DataFrame, name: str) -> str:
    measured = ended[ended[name].notna()]
    return _percent(measured[name], best=measured[f"best_{name}"])


def _percent(values: "pd.Series[Any]", mark: str = "", best: "pd.Series[Any] | None" = None) -> str:
    in_parentheses = "" if best is None or best.empty else f" ({_mean(best)})"
    return f"{_mean(values)}{mark if len(values) else ''}{in_parentheses}, n = {values.count()}"


def _mean(values: "pd.Series[Any]") -> str:
    if values.empty:
        return MISSING
    percent = values * 100
    return mean_and_spread(percent.mean(), percent.std(), ".2f")


def _thousands(trials: pd.DataFrame) -> str:
    steps = ended_trials(trials)["steps"] / 1000
    return "-".join(f"{value:g}" for value in sorted({steps.min(), steps.max()})) if len(steps) else MISSING


def _of_paper(table: pd.DataFrame, cell: Row) -> list[str]:
    """Train top-1 and top-5, test top-1 and top-5; the paper's networks were all trained with a schedule."""
    same = (
        (table["labels"] == ("true" if cell[LEVEL] == 0 else "random"))
        & (table["data_augmentation"] == {"no": "no", PAPERS_AUGMENTATION: "yes"}.get(augmentation_text(cell)))
        & (table["dropout"] == ("yes" if cell["dropout"] > 0 else "no"))
        & (table["weight_decay"] == ("yes" if cell["weight_decay"] > 0 else "no"))
    )
    if cell["model"] != MODEL or not _has_schedule(cell) or not same.any():
        return [MISSING] * 4
    row = table[same].iloc[0]
    best = [row["test_top1_best"], row["test_top5_best"]]
    tests = [_with_best(row[name], most) for name, most in zip(("test_top1", "test_top5"), best, strict=True)]
    return [f"{row['train_top1']:.2f}", f"{row['train_top5']:.2f}", *tests]


def _with_best(value: float, best: float) -> str:
    return f"{value:.2f}" if pd.isna(best) else f"{value:.2f} ({best:.2f})"


def _of_original(points: Sequence[tuple[float, float, float]]) -> list[str]:
    """Thousand steps, train and test accuracy, at one point or several."""
    forms = ((1 / 1000, "g"), (100, ".2f"), (100, ".2f"))
    columns = zip(*points, strict=True)
    return [
        "; ".join(f"{value * unit:{form}}" for value in values)
        for values, (unit, form) in zip(columns, forms, strict=True)
    ]
