"""measures/<spec id>.json: what was measured of a trial's network at its moments, replaced as a whole."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from rethink.files.atomic_files import replace_file
from rethink.files.checked_files import decode_json, read_plain, to_json
from rethink.records.record import Count, Fraction, stop_reason
from rethink.spec import TrialSpec

Moment = Literal["fit", "loss", "end"]
MOMENTS: dict[Moment, str] = {
    "fit": "the first epoch without a training error",
    "loss": "the first epoch, from the fit on, with a training loss of at most `stop_loss`",
    "end": "where the trial ended, fitted or not",
}


class MeasuredState(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A trial's network after some steps: which moments that is, how good it is, and its measures."""

    moments: tuple[Moment, ...]
    epoch: Count
    steps: Count
    train_accuracy: Fraction | None  # over the whole training set, in evaluation mode; None: the trial diverged
    test_accuracy: Fraction | None
    values: dict[str, float | None]  # by the measure's name; None: undefined, or not finite

    def without(self, moments: Iterable[Moment]) -> "MeasuredState":
        """The same state, which is at these moments no longer."""
        left = tuple(moment for moment in self.moments if moment not in moments)
        return msgspec.structs.replace(self, moments=left)


class TrialMeasures(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The content of the file."""

    format: Literal[1] = 1
    run_id: str
    spec_id: str
    states: tuple[MeasuredState, ...] = ()  # in the order of steps

    def with_state(self, state: MeasuredState) -> "TrialMeasures":
        """The same with this state in place of what is known after as many steps; its moments are no other's.

        A trial that goes on beyond its limit ends anew: the old end may be its fit all the same.
        """
        others = [other.without(state.moments) for other in self.states if other.steps != state.steps]
        states = sorted([*(other for other in others if other.moments), state], key=lambda one: one.steps)
        return msgspec.structs.replace(self, states=tuple(states))


def moments_of(spec: TrialSpec, row: Mapping[str, Any]) -> tuple[Moment, ...]:
    """The moments that a trial's network is at after this row."""
    moments: list[Moment] = []
    if row["fitted"] is not None:  # the end of an epoch
        if row["epoch"] == row["epochs_to_fit"]:
            moments.append("fit")
        if row["epoch"] == row["epochs_to_loss"]:
            moments.append("loss")
    if stop_reason(spec, row) is not None:
        moments.append("end")
    return tuple(moments)


def write_measures(path: Path, measures: TrialMeasures) -> None:
    """Replace the file. Raises OSError."""
    path.parent.mkdir(exist_ok=True)  # runs of earlier code have none
    replace_file(path, to_json(measures))


def read_measures(path: Path, run_id: str, spec_id: str) -> TrialMeasures:
    """What is known of a trial of a run; nothing, if there is no file.

    Raises:
        OSError: What is there is no plain file.
        ValueError: It is damaged, or of another trial or run.
    """
    if not path.exists():
        return TrialMeasures(run_id=run_id, spec_id=spec_id)
    measures = decode_json(read_plain(path), TrialMeasures)
    for name, due in {"run_id": run_id, "spec_id": spec_id}.items():
        if (said := getattr(measures, name)) != due:
            raise ValueError(f"it says {name} = {said!r}, not {due!r}")
    return measures


def rows(states: Iterable[MeasuredState], names: Iterable[str]) -> list[dict[str, Any]]:
    """A row for each moment of these states and each of these measures that was computed there."""
    known = list(names)
    return [
        {
            "moment": moment,
            "epoch": state.epoch,
            "steps": state.steps,
            "measure": name,
            "value": state.values[name],
            "train_accuracy": state.train_accuracy,
            "test_accuracy": state.test_accuracy,
            "gap": _gap(state),
        }
        for state in states
        for moment in state.moments
        for name in known
        if name in state.values
    ]


def _gap(state: MeasuredState) -> float | None:
    if state.train_accuracy is None or state.test_accuracy is None:
        return None
    return state.train_accuracy - state.test_accuracy
