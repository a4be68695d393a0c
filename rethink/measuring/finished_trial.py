"""The measures that a finished trial lacks, from its final checkpoint."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from rethink.data.trial_data import TrialData
from rethink.errors import RunError
from rethink.measures.of_network import EXPENSIVE, NetworkMeasures
from rethink.randomness.streams import key64
from rethink.records.measures.measure_file import (
    MeasuredState,
    Moment,
    TrialMeasures,
    moments_of,
    read_measures,
    write_measures,
)
from rethink.records.measures.registry import NAMES, QUICK
from rethink.records.rows import Row, rows_of
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.training.evaluation import Evaluator
from rethink.trial.data_store import DataStore
from rethink.trial.moment_log import initial_network, outputs_of
from rethink.weights.checkpoints import read_state

FLATNESS_IMAGES = 1000  # of the training set, balanced over its classes, whose error flatness is about ...
FLATNESS_BYTES = 2**28  # ... or as many as fill this memory
_BATCH = 125
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Lacking:
    """What a trial's measures file lacks at the place of its final checkpoint."""

    spec: TrialSpec
    rows: tuple[Row, ...]  # up to that place
    moments: tuple[Moment, ...]
    known: TrialMeasures
    names: tuple[str, ...]


def lacking(run: RunDirectory, spec: TrialSpec, is_given_up: bool) -> Lacking | None:
    """What a trial lacks; None: nothing, or it has not ended.

    `is_given_up`: a scheduler ended it. Warns of a measures file that is damaged, and counts it as none.
    """
    rows = tuple(rows_of(run.read_attempts(spec.spec_id)).values())
    if not rows:
        return None
    moments = moments_of(spec, rows[-1])
    if is_given_up and "end" not in moments:
        moments = (*moments, "end")
    if "end" not in moments or rows[-1]["diverged"]:
        return None
    known = _known(run, spec)
    values = next((state.values for state in known.states if state.steps == rows[-1]["steps"]), {})
    names = tuple(name for name in NAMES if name not in values)
    return Lacking(spec, rows, moments, known, names) if names else None


def _known(run: RunDirectory, spec: TrialSpec) -> TrialMeasures:
    path = run.measures_file(spec.spec_id)
    try:
        return read_measures(path, run.run_id, spec.spec_id)
    except ValueError as error:
        warnings.warn(f"{path}: {error}; what it said of moments before the end is lost", stacklevel=3)
        return TrialMeasures(run_id=run.run_id, spec_id=spec.spec_id)


def complete(run: RunDirectory, lacks: Lacking, store: DataStore, data_sha256: str) -> None:
    """Measure what a trial lacks, and write its file.

    Raises:
        RunError: Its checkpoint is damaged, lost, or of other steps than its last row.
        OSError: A file cannot be read or written.
    """
    spec, last = lacks.spec, lacks.rows[-1]
    state, _ = read_state(run.checkpoint(spec.spec_id), run.run_id, spec, data_sha256)
    if state.training["steps"] != last["steps"]:
        place = f"step {state.training['steps']}, and its last row of step {last['steps']}"
        raise RunError(f"{run.checkpoint(spec.spec_id)} is of {place}")
    data = store.streams.open(spec, store.prepared(spec))
    initial = initial_network(run, spec, data)
    network = initial_network(run, spec, data)
    network.load_state_dict(state.training["model"])
    measured = _measured(lacks, network, initial, data)
    write_measures(run.measures_file(spec.spec_id), lacks.known.with_state(measured))


def _measured(lacks: Lacking, network: nn.Module, initial: nn.Module, data: TrialData) -> MeasuredState:
    last = lacks.rows[-1]
    before = next((state for state in lacks.known.states if state.steps == last["steps"]), None)
    values = dict(before.values) if before else {}
    measures = NetworkMeasures(network, initial, data.input_shape)
    if set(lacks.names) & set(QUICK):
        values |= measures.quick(outputs_of(network, data, _CPU, lacks.spec.precision), lacks.rows)
    if set(lacks.names) & set(EXPENSIVE):
        seed = key64("perturbations", lacks.spec.seed)
        whole, some = _Batches(data, data.subset), _Batches(data, flatness_subset(data))
        values |= measures.expensive(whole, some, len(data.subset), _CPU, seed)
    train, test = _accuracies(lacks.spec, last, network, data)
    return MeasuredState(
        moments=lacks.moments,
        epoch=last["epoch"],
        steps=last["steps"],
        train_accuracy=train,
        test_accuracy=test,
        values={name: values[name] for name in NAMES if name in values},
    )


def _accuracies(spec: TrialSpec, last: Row, network: nn.Module, data: TrialData) -> tuple[float, float]:
    """On the training and the test set, as the last row has them; a trial that was given up has no such row."""
    train, test = last["exact_train_accuracy"], last["test_accuracy"]
    evaluator = Evaluator(network, _CPU, spec.precision)
    if train is None:
        train = evaluator.scores(data.train, data.subset).accuracy
    if test is None:
        test = evaluator.scores(data.test, np.arange(len(data.test.true_labels))).accuracy
    return train, test


def flatness_subset(data: TrialData) -> npt.NDArray[np.int64]:
    """The training images whose error flatness is about; any beginning of the training subset is balanced."""
    bytes_each = 4 * int(np.prod(data.input_shape))
    return data.subset[: min(FLATNESS_IMAGES, max(1, FLATNESS_BYTES // bytes_each))]


class _Batches:
    """Images and labels of some training samples, for any number of passes."""

    def __init__(self, data: TrialData, indices: npt.NDArray[np.int64]) -> None:
        self._samples = data.train
        self._indices = indices

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for images, labels, _ in self._samples.batches(self._indices, _BATCH):
            yield images, labels
