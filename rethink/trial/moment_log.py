"""What a trial's network measures at its moments: measured as the trial passes them, and kept in its measures file."""

from collections.abc import Sequence

import torch
from torch import nn

from rethink.data.trial_data import TrialData
from rethink.measures.of_network import NetworkMeasures, undefined
from rethink.measures.outputs import OutputCollector, Outputs
from rethink.records.measures.measure_file import (
    MeasuredState,
    TrialMeasures,
    moments_of,
    read_measures,
    write_measures,
)
from rethink.records.record import Record
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.training.evaluation import Evaluator
from rethink.training.network import initialized_network
from rethink.weights.checkpoints import read_start


class MomentLog:
    """Writes a trial's measures file, but for the expensive measures.

    It is written before the checkpoint of the same moment: a trial that is restored passes each moment again, or had
    written it.
    """

    def __init__(
        self, run: RunDirectory, spec: TrialSpec, data: TrialData, network: nn.Module, device: torch.device
    ) -> None:
        self._run = run
        self._spec = spec
        self._data = data
        self._network = network
        self._device = device

    def keep(self, records: Sequence[Record]) -> list[str]:
        """Measure the network, if the newest of the trial's records is of a moment.

        Returns what was amiss, a line each. Raises OSError.
        """
        record = records[-1]
        moments = moments_of(self._spec, record.to_dict())
        if not moments:
            return []
        values, notes = self._measured(records)
        state = MeasuredState(
            moments=moments,
            epoch=record.epoch,
            steps=record.steps,
            train_accuracy=record.exact_train_accuracy,
            test_accuracy=record.test_accuracy,
            values=values,
        )
        known, problems = self._known()
        write_measures(self._run.measures_file(self._spec.spec_id), known.with_state(state))
        return notes + problems

    def _measured(self, records: Sequence[Record]) -> tuple[dict[str, float | None], list[str]]:
        if records[-1].diverged:
            return undefined(), []
        initial = initial_network(self._run, self._spec, self._data)
        measures = NetworkMeasures(self._network, initial, self._data.input_shape)
        outputs = outputs_of(self._network, self._data, self._device, self._spec.precision)
        values = measures.quick(outputs, [record.to_dict() for record in records])
        problem = measures.problem
        return values, [] if problem is None else [f"the network's weights have no measures: {problem}"]

    def _known(self) -> tuple[TrialMeasures, list[str]]:
        path, spec_id = self._run.measures_file(self._spec.spec_id), self._spec.spec_id
        try:
            return read_measures(path, self._run.run_id, spec_id), []
        except ValueError as error:
            return TrialMeasures(run_id=self._run.run_id, spec_id=spec_id), [f"{path}: {error}; replaced"]


def initial_network(run: RunDirectory, spec: TrialSpec, data: TrialData) -> nn.Module:
    """A trial's network before its first step, on the CPU: redrawn from the seed, or what it started from."""
    network = initialized_network(spec, data.input_shape, data.classes, torch.device("cpu"))
    if spec.start_from is not None:
        network.load_state_dict(read_start(run.start_file(spec.spec_id), spec)["model"])
    return network


def outputs_of(network: nn.Module, data: TrialData, device: torch.device, precision: str) -> Outputs:
    """What a network says of a trial's training set."""
    collector = OutputCollector()
    Evaluator(network, device, precision).visit(data.train, data.subset, collector)
    return collector.outputs()
