"""The words around a figure: what a line is called, on which data it was measured, and when."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.grouping.cells import BASE
from rethink.spec import SEEDS, number_text

MISSING = "—"
_DIGITS = 12  # of a SHA-256
_KEPT = {"subset_seed": "training subset", "corruption_seed": "corruption", "seed": "initialization"}
_OFF = {"pixel_corruption": "none", "view": "centre", "rotation": 0, "weight_decay": 0, "dropout": 0}  # says nothing
_FULL_WIDTH = {"inception_v3": 16}  # for networks whose width counts parts of the published width


def network_name(row: Mapping[Any, Any]) -> str:
    """The model and, if it is narrower than the published network, its width: "inception_v3 (1/16 wide)"."""
    model = str(row["model"])
    full = _FULL_WIDTH.get(model)
    width: Any = row.get("width")
    return f"{model} ({width}/{full} wide)" if full and _known(width) and width < full else model


def line_label(line: Mapping[str, Any], numbers: Sequence[int], mixed: Sequence[str]) -> str:
    """The model, the options that tell this line apart, and the trials behind each of its points.

    `mixed` names those of dataset and train_samples that differ within the figure, and so belong to the label.
    """
    options = option_texts({name: value for name, value in line.items() if name not in BASE})
    data = [f"{_size(line[name])} images" if name == "train_samples" else str(line[name]) for name in mixed]
    return f"{', '.join([str(line['model']), *data, *options])} (n = {span(numbers)})"


def option_texts(values: Mapping[str, Any]) -> list[str]:
    """Spec values in words, such as "learning rate 0.1"; nulls are left out, and a data set is only named."""
    known = {name: _text(value) for name, value in values.items() if _known(value)}
    if "start_from" in known:
        known["start_from"] = known["start_from"][:_DIGITS]
    return [text if name == "dataset" else f"{name.replace('_', ' ')} {text}" for name, text in known.items()]


def network_texts(row: Mapping[Any, Any], names: Sequence[str]) -> list[str]:
    """Model, number of images, and those of the named options that are not simply off, for a row of a table."""
    options = {name: row[name] for name in names if name in row and name not in BASE and not _is_off(name, row[name])}
    return [network_name(row), _size(row["train_samples"]), ", ".join(option_texts(options)) or MISSING]


def scale(trials: pd.DataFrame, created: Mapping[str, str]) -> str:
    """Data set, training images, replicates, epochs, steps if limited, and dates of trials; `created` is by run."""
    datasets = " and ".join(sorted(trials["dataset"].unique()))
    sizes = " and ".join(_size(number) for number in trials["train_samples"].sort_values().unique())
    days = sorted({created[run][:10] for run in trials["run"].unique()})
    when = f"run {days[0]}" if len(days) == 1 else f"runs {days[0]} to {days[-1]}"
    steps = f" ({trials['steps'].max():,} steps)" if trials["max_steps"].notna().any() else ""
    trained = f"up to {trials['epochs'].max():,} epochs{steps}"
    return f"{datasets}, {sizes} training images, {replicates(trials)}, {trained}, {when}"


def replicates(trials: pd.DataFrame) -> str:
    """How often these trials were repeated, and what was drawn anew each time: an interval covers only that."""
    number = len(trials[list(SEEDS)].drop_duplicates())
    kept = [words for name, words in _KEPT.items() if len(trials[name].unique()) == 1]
    if number == 1 or not kept:
        return f"{number} replicate{'s' if number > 1 else ''}"
    return f"{number} repetitions with one {' and '.join(kept)}"


def _trial_text(trial: Mapping[Any, Any]) -> str:
    name = f"{trial['model']}, p = {number_text(trial['label_corruption'])}, seed {trial['seed']}"
    if trial["fitted"]:
        outcome = f"fitted after {trial['epochs_to_fit']} epochs"
    else:
        steps = f" and {trial['steps']:,} steps in all" if _known(trial["max_steps"]) else ""
        outcome = f"not fitted after {trial['epochs']} epochs{steps} ({str(trial['stop_reason']).replace('_', ' ')})"
    error = f", test error {trial['test_error']:.3f}" if _known(trial["test_error"]) else ""
    return f"{name}: {outcome}{error} [{trial['spec_id']}]"


def trial_texts(trials: pd.DataFrame) -> list[str]:
    """The outcome of each trial, for the mark that stands for it."""
    return [_trial_text(trial) for trial in trials.to_dict("records")]


def span(numbers: Sequence[int]) -> str:
    """3, or 1-3."""
    least, most = min(numbers), max(numbers)
    return str(least) if least == most else f"{least}-{most}"


def limits(trials: pd.DataFrame) -> str:
    """The spec fields that end a trial which has not fitted."""
    return "max_epochs or max_steps" if trials["max_steps"].notna().any() else "max_epochs"


def _size(number: Any) -> str:
    return f"{number:,}" if _known(number) else "all"


def _known(value: Any) -> bool:
    return not pd.isna(value)


def _is_off(name: str, value: Any) -> bool:
    if not _known(value):
        return True
    if name in _OFF:
        return bool(value == _OFF[name])
    return value is False


def _text(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "on" if value else "off"
    return number_text(value) if isinstance(value, float) else str(value)
