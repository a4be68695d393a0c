"""Training: a generator that goes step by step and yields a record where one is due. It knows no Ray and no files."""

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from rethink.data.streams.augmentation import Augmentation
from rethink.data.trial_data import TrialData
from rethink.randomness.streams import key64
from rethink.records.record import Record, stop_reason
from rethink.spec import TrialSpec
from rethink.training.epoch_pass import Clock, EpochPass, Seen, Steps, epoch_order
from rethink.training.evaluation import PERFECT, Evaluator, Interpolation, Scores
from rethink.training.network import initialized_network, train_step
from rethink.training.optimizers import make_optimizer

COUNTERS = ("row", "epoch", "steps", "images_seen", "epochs_to_fit", "diverged")


class Training:
    """One trial's network, optimizer and place in time. Equal specs give bit-equal records, also after a restore."""

    def __init__(self, spec: TrialSpec, data: TrialData, device: torch.device) -> None:
        self.spec = spec
        self.row = self.epoch = self.steps = self.images_seen = 0
        self.epochs_to_fit: int | None = None
        self.diverged = False
        self._data = data
        self._device = device
        self.model = initialized_network(spec, data.input_shape, data.classes, device)
        self._optimizer = make_optimizer(spec, self.model.parameters())
        self._evaluator = Evaluator(self.model, device, spec.precision)
        self._pass: EpochPass | None = None  # over the training subset, where an epoch has begun
        self._since_evaluation = Steps()  # of rows inside epochs: over evaluate_steps, whatever epochs they lie in
        self._clock = Clock()
        self._told = 0  # images seen at the last row

    def records(self) -> Iterator[Record]:
        """Train on, to max_epochs, max_steps or divergence; at interpolation the caller decides.

        A record comes after every epoch, every `evaluate_steps` steps, and at the end.
        """
        return (record for record in self.steps_and_records() if record is not None)

    def steps_and_records(self) -> Iterator[Record | None]:
        """The same with a None after every step that no record follows.

        Wherever it yields, `state_dict` may be called, or the iterator dropped and another one started.
        """
        while not self._is_over:
            yield from self._train_to_next_row()
            yield self._record()

    def state_dict(self) -> dict[str, Any]:
        """All that a restore needs. At the end of an epoch no random stream has a state: each starts anew."""
        return {
            "spec_id": self.spec.spec_id,
            **{name: getattr(self, name) for name in COUNTERS},
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "pass": self._pass.state_dict(self._device) if self._pass else None,
            "since_evaluation": self._since_evaluation.state_dict(),
            "since_row": {"images_seen": self._told, "seconds": self._clock.seconds},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where state_dict was taken. Raises ValueError for the state of another spec."""
        if state["spec_id"] != self.spec.spec_id:
            raise ValueError(f"state of trial {state['spec_id']} does not fit trial {self.spec.spec_id}")
        self._load(state)
        begun = state.get("pass")
        self._pass = EpochPass.restored(self._epoch_order(), begun, self._device) if begun else None
        self._since_evaluation = Steps.restored(state.get("since_evaluation"), self._device)
        since_row = state.get("since_row", {"images_seen": self.images_seen, "seconds": 0.0})
        self._told, self._clock.seconds = since_row["images_seen"], since_row["seconds"]

    def start_from(self, weights: Mapping[str, Any]) -> None:
        """Start from other weights than the seed's, at their epoch and steps, with their optimizer's state if given.

        The optimizer's settings are this spec's, whatever they were.
        """
        optimizer = self._optimizer.state_dict()
        if weights["optimizer"] is not None:
            parameters = list(self.model.parameters())
            optimizer["state"] = {
                index: {name: _laid_out_like(parameters[index], tensor) for name, tensor in state.items()}
                for index, state in weights["optimizer"].items()
            }
        self._load({"row": 0, "epochs_to_fit": None, "diverged": False, **weights, "optimizer": optimizer})
        self._told = self.images_seen

    def _load(self, state: Mapping[str, Any]) -> None:
        for name, value in {**self._ended_epochs(state["epoch"]), **state}.items():
            if name in COUNTERS:
                setattr(self, name, value)
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _ended_epochs(self, epochs: int) -> dict[str, int]:
        """The counters after so many whole epochs: what states of earlier versions leave out."""
        images = len(self._data.subset)
        steps = math.ceil(images / self.spec.batch_size)
        return {"row": epochs, "steps": epochs * steps, "images_seen": epochs * images}

    @property
    def _is_over(self) -> bool:
        spec = self.spec
        out_of_steps = spec.max_steps is not None and self.steps >= spec.max_steps
        return self.diverged or self.epoch >= spec.max_epochs or out_of_steps

    @property
    def _is_last(self) -> bool:
        place = {name: getattr(self, name) for name in COUNTERS}
        return stop_reason(self.spec, place) is not None

    def _train_to_next_row(self) -> Iterator[None]:
        begun = self._begin_pass() if self._pass is None else self._pass
        begun.set_random_state(self._device)
        done = begun.steps.images
        stretch = begun.order[done : done + self._steps_to_next_row() * self.spec.batch_size]
        batches = self._data.train.batches(stretch, self.spec.batch_size, self._device, self._augmentation())
        self._clock.start()
        for number, (images, labels, indices) in enumerate(batches, start=1):
            seen = indices, *self._step(images, labels)
            begun.steps.add(*seen)
            if self.spec.evaluate_steps is not None:
                self._since_evaluation.add(*seen)
            if number * self.spec.batch_size < len(stretch):
                self._clock.pause()
                yield None
                self._clock.start()
        begun.keep_random_state(self._device)

    def _begin_pass(self) -> EpochPass:
        self._pass = EpochPass(self._epoch_order())
        torch.manual_seed(key64("dropout", self.spec.seed, self.epoch + 1))
        return self._pass

    def _epoch_order(self) -> npt.NDArray[np.int64]:
        return epoch_order(self._data.subset, self.spec.seed, self.epoch + 1)

    def _steps_to_next_row(self) -> int:
        """Steps to the next evaluation or to max_steps, whichever is first; the epoch may end before."""
        every, most = self.spec.evaluate_steps, self.spec.max_steps
        left = [len(self._data.subset)]
        left += [every - self.steps % every] if every else []
        left += [most - self.steps] if most else []
        return min(left)

    def _augmentation(self) -> Augmentation | None:
        spec = self.spec
        if not (spec.random_crop or spec.random_resized_crop or spec.flip or spec.rotation):
            return None
        drawn = (spec.random_resized_crop, spec.rotation)
        return Augmentation(spec.crop_padding, spec.flip, spec.seed, self.epoch + 1, *drawn)

    def _step(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One optimizer step; the loss of every image, and whether it was taken for another class."""
        self._set_learning_rate()
        losses, logits = train_step(self.model, self._optimizer, self.spec, images, labels)
        self.steps += 1
        self.images_seen += len(labels)
        return losses, logits.argmax(1) != labels

    def _set_learning_rate(self) -> None:
        decay = self.spec.learning_rate_decay ** (self.images_seen // self.spec.decay_images)
        self._optimizer.param_groups[0]["lr"] = self.spec.learning_rate * decay

    def _record(self) -> Record:
        assert self._pass is not None, "a row is due after steps"
        begun, ends_epoch = self._pass, self._pass.is_done
        by_step = self.spec.evaluate_steps is not None and not ends_epoch
        seen = (self._since_evaluation if by_step else begun.steps).seen()
        self._clock.pause()  # only now has a GPU done its steps
        self.row += 1
        self.diverged = not math.isfinite(seen.losses.mean())
        started = time.perf_counter()
        check = self._end_epoch(begun) if ends_epoch else None
        exact = self._exact_train_scores(check)
        checked = time.perf_counter()
        test, part = self._evaluated(ends_epoch, exact)
        evaluated = time.perf_counter()
        if self._is_evaluation_step:
            self._since_evaluation = Steps()
        return self._row(seen, check, (exact, test, part), (checked - started, evaluated - checked))

    def _end_epoch(self, begun: EpochPass) -> Interpolation:
        self.epoch += 1
        self._pass = None
        if self.diverged:
            return Interpolation(False, 0)
        check = self._evaluator.interpolates(self._data.train, begun.likeliest_errors_first())
        if check.fitted and self.epochs_to_fit is None:
            self.epochs_to_fit = self.epoch
        return check

    def _exact_train_scores(self, check: Interpolation | None) -> Scores | None:
        if check is not None and check.fitted:
            return PERFECT
        if self.diverged or not self._is_last:
            return None
        return self._evaluator.scores(self._data.train, self._data.subset)

    def _evaluated(self, ends_epoch: bool, exact: Scores | None) -> tuple[Scores | None, Scores | None]:
        """The scores of the test set and of the part of the training set that is scored with it, if due."""
        if self.diverged or not (self._is_last or self._is_test_due(ends_epoch)):
            return None, None
        part = self._data.subset[: self.spec.train_eval_samples]  # its order is balanced, any beginning of it
        test = self._evaluator.scores(self._data.test, np.arange(len(self._data.test.true_labels)))
        if not len(part):
            return test, None
        known = exact is PERFECT or len(part) == len(self._data.subset)
        return test, exact if exact and known else self._evaluator.scores(self._data.train, part)

    def _is_test_due(self, ends_epoch: bool) -> bool:
        epochs = self.spec.test_every
        after_epoch = ends_epoch and (self.epoch == self.epochs_to_fit or (epochs > 0 and self.epoch % epochs == 0))
        return after_epoch or self._is_evaluation_step

    @property
    def _is_evaluation_step(self) -> bool:
        return self.spec.evaluate_steps is not None and self.steps % self.spec.evaluate_steps == 0

    def _row(
        self,
        seen: Seen,
        check: Interpolation | None,
        scores: tuple[Scores | None, Scores | None, Scores | None],
        seconds: tuple[float, float],
    ) -> Record:
        corrupted = self._data.labels.corrupted[seen.indices]
        exact, test, part = scores
        train_seconds, images = self._clock.read(), self.images_seen - self._told
        self._told = self.images_seen
        return Record(
            row=self.row,
            epoch=self.epoch,
            steps=self.steps,
            images_seen=self.images_seen,
            learning_rate=self._optimizer.param_groups[0]["lr"],
            train_loss=_finite(float(seen.losses.mean())),
            train_accuracy=float((~seen.wrong).mean()),
            train_accuracy_corrupted=_accuracy(seen.wrong[corrupted]),
            train_accuracy_clean=_accuracy(seen.wrong[~corrupted]),
            test_loss=_finite(test.loss) if test else None,
            test_accuracy=test.accuracy if test else None,
            test_top5_accuracy=self._top5(test),
            train_eval_accuracy=part.accuracy if part else None,
            train_eval_top5_accuracy=self._top5(part),
            exact_train_accuracy=exact.accuracy if exact else None,
            exact_train_top5_accuracy=self._top5(exact),
            fitted=check.fitted if check else None,
            epochs_to_fit=self.epochs_to_fit,
            diverged=self.diverged,
            checked_images=check.checked_images if check else 0,
            train_seconds=train_seconds,
            check_seconds=seconds[0],
            test_seconds=seconds[1],
            images_per_second=images / train_seconds,
        )

    def _top5(self, scores: Scores | None) -> float | None:
        return scores.top5_accuracy if scores and self._data.classes > 5 else None


def _laid_out_like(parameter: nn.Parameter, value: Any) -> Any:
    """A tensor in the parameter's memory format: torch's fused steps take the two to be in one, and do not look."""
    is_like = isinstance(value, torch.Tensor) and value.shape == parameter.shape
    return torch.empty_like(parameter).copy_(value) if is_like else value


def _accuracy(wrong: npt.NDArray[np.bool_]) -> float | None:
    return float((~wrong).mean()) if len(wrong) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
