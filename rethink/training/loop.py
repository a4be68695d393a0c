"""Training: a generator that goes step by step and yields a record where one is due. It knows no Ray and no files."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from rethink.data.streams.augmentation import Augmentation
from rethink.data.trial_data import TrialData
from rethink.randomness.streams import key64
from rethink.records.record import Record
from rethink.spec import TrialSpec
from rethink.training.epoch_pass import EpochPass, SinceRow, Steps, epoch_order, seed_device
from rethink.training.evaluation import Evaluator
from rethink.training.learner import Learner
from rethink.training.measurement import Measurement, Trained
from rethink.training.place import Place


class Training:
    """One trial's learner and its place in time. Equal specs give bit-equal records, also after a restore."""

    def __init__(self, spec: TrialSpec, data: TrialData, device: torch.device) -> None:
        self.spec = spec
        self.place = Place()
        self.learner = Learner(spec, data.input_shape, data.classes, device)
        self._data = data
        self._device = device
        self._measurement = Measurement(spec, data, Evaluator(self.learner.network, device, spec.precision))
        self._pass: EpochPass | None = None  # over the training subset, where an epoch has begun
        self._since_evaluation = Steps()  # of rows inside epochs: over evaluate_steps, whatever epochs they lie in
        self._since_row = SinceRow()

    def records(self) -> Iterator[Record]:
        """Train on, to max_epochs, max_steps or divergence; at interpolation the caller decides.

        A record comes after every epoch, every `evaluate_steps` steps, and at the end.
        """
        return (record for record in self.steps_and_records() if record is not None)

    def steps_and_records(self) -> Iterator[Record | None]:
        """The same with a None after every step that no record follows.

        Wherever it yields, `state_dict` may be called, or the iterator dropped and another one started.
        """
        while not self.place.is_over(self.spec):
            yield from self._train_to_next_row()
            yield self._record()

    def state_dict(self) -> dict[str, Any]:
        """All that a restore needs. At the end of an epoch no random stream has a state: each starts anew."""
        return {
            "spec_id": self.spec.spec_id,
            **self.place.to_dict(),
            **self.learner.state_dict(),
            "pass": self._pass.state_dict(self._device) if self._pass else None,
            "since_evaluation": self._since_evaluation.state_dict(),
            "since_row": self._since_row.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where state_dict was taken. Raises ValueError for the state of another spec."""
        if state["spec_id"] != self.spec.spec_id:
            raise ValueError(f"state of trial {state['spec_id']} does not fit trial {self.spec.spec_id}")
        self.place = Place.of(state)
        self.learner.load_state_dict(state)
        begun = state["pass"]
        self._pass = EpochPass.restored(self._epoch_order(), begun, self._device) if begun else None
        self._since_evaluation = Steps.restored(state["since_evaluation"], self._device)
        self._since_row = SinceRow(**state["since_row"])

    def take_back(self, last: Record, before: Record | None) -> None:
        """Unsay the last row: its steps count for the next one."""
        self.place.row -= 1
        self._since_row.take_back(last, before)

    def start_from(self, weights: Mapping[str, Any]) -> None:
        """Start from other weights than the seed's, at their epoch and steps, with their optimizer's state if given.

        The optimizer's settings are this spec's, whatever they were.
        """
        self.place = Place(epoch=weights["epoch"], steps=weights["steps"], images_seen=weights["images_seen"])
        self.learner.start_from(weights["model"], weights["optimizer"])
        self._since_row.images_seen = self.place.images_seen

    def _train_to_next_row(self) -> Iterator[None]:
        spec, place = self.spec, self.place
        begun = self._begin_pass() if self._pass is None else self._pass
        begun.set_random_state(self._device)
        done = begun.steps.images
        stretch = begun.order[done : done + place.steps_to_next_row(spec, len(begun.order)) * spec.batch_size]
        batches = self._data.train.batches(stretch, spec.batch_size, _augmentation(spec, place.epoch + 1))
        self._since_row.start()
        for number, (images, labels, indices) in enumerate(batches, start=1):
            on_device = images.to(self._device), labels.to(self._device)
            seen = indices, *self.learner.step(*on_device, place.images_seen)
            place.steps += 1
            place.images_seen += len(labels)
            begun.steps.add(*seen)
            if spec.evaluate_steps is not None:
                self._since_evaluation.add(*seen)
            if number * spec.batch_size < len(stretch):
                self._since_row.pause()
                yield None
                self._since_row.start()
        begun.keep_random_state(self._device)

    def _begin_pass(self) -> EpochPass:
        self._pass = EpochPass(self._epoch_order())
        seed_device(key64("dropout", self.spec.seed, self.place.epoch + 1), self._device)
        return self._pass

    def _epoch_order(self) -> npt.NDArray[np.int64]:
        return epoch_order(self._data.subset, self.spec.seed, self.place.epoch + 1)

    def _record(self) -> Record:
        assert self._pass is not None, "a row is due after steps"
        begun, place = self._pass, self.place
        by_step = self.spec.evaluate_steps is not None and not begun.is_done
        seen = (self._since_evaluation if by_step else begun.steps).seen()
        self._since_row.pause()  # only now has a GPU done its steps
        place.row += 1
        place.diverged = not math.isfinite(seen.losses.mean())
        if begun.is_done:
            place.epoch += 1
            self._pass = None
        if place.is_evaluation_step(self.spec):
            self._since_evaluation = Steps()
        measured = self._measurement.take(place, begun if begun.is_done else None)
        trained = Trained(seen, *self._since_row.read(place.images_seen), self.learner.learning_rate)
        return self._measurement.record(place, trained, measured)


def _augmentation(spec: TrialSpec, epoch: int) -> Augmentation | None:
    if not (spec.random_crop or spec.random_resized_crop or spec.flip or spec.rotation):
        return None
    drawn = (spec.random_resized_crop, spec.rotation)
    return Augmentation(spec.crop_padding, spec.flip, spec.seed, epoch, *drawn)
