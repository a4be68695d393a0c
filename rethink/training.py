"""Training: a generator that yields one record an epoch. It knows no Ray, no TensorBoard and no files."""

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from rethink import models
from rethink.data.augmentation import Augmentation
from rethink.data.loaders import epoch_order
from rethink.data.trial_data import TrialData
from rethink.evaluation import Evaluator, Interpolation, Scores
from rethink.metrics import Record, stop_reason
from rethink.randomness import key64
from rethink.spec import TrialSpec

PAPER_EPOCH = 50_000  # images: the learning rate decays by images seen, so a subset does not starve


class Training:
    """One trial's network, optimizer and place in time. Equal specs give bit-equal records, also after a restore."""

    def __init__(self, spec: TrialSpec, data: TrialData, device: torch.device) -> None:
        self.spec = spec
        self.epoch = 0
        self.epochs_to_fit: int | None = None
        self.diverged = False
        self._data = data
        self._device = device
        self.model = _initialized_model(spec, data, device)
        self._optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=spec.learning_rate,
            momentum=spec.momentum,
            weight_decay=spec.weight_decay,
            fused=True,
        )
        self._evaluator = Evaluator(self.model, device, spec.precision)

    def epochs(self) -> Iterator[Record]:
        """Train on, one record after each epoch, to max_epochs or divergence; at interpolation the caller decides."""
        while not self.diverged and self.epoch < self.spec.max_epochs:
            yield self._next_epoch()

    def state_dict(self) -> dict[str, Any]:
        """All that a restore needs: every random stream starts anew from (seed, epoch), so none has a state."""
        return {
            "spec_id": self.spec.spec_id,
            "epoch": self.epoch,
            "epochs_to_fit": self.epochs_to_fit,
            "diverged": self.diverged,
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where state_dict was taken. Raises ValueError for the state of another spec."""
        if state["spec_id"] != self.spec.spec_id:
            raise ValueError(f"state of trial {state['spec_id']} does not fit trial {self.spec.spec_id}")
        self.epoch = state["epoch"]
        self.epochs_to_fit = state["epochs_to_fit"]
        self.diverged = state["diverged"]
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _next_epoch(self) -> Record:
        started = time.perf_counter()
        running = self._train_epoch(self.epoch + 1)
        trained = time.perf_counter()
        self.epoch += 1
        self.diverged = not math.isfinite(running.losses.mean())
        check = self._check_interpolation(running)
        if check.fitted and self.epochs_to_fit is None:
            self.epochs_to_fit = self.epoch
        exact = self._exact_train_accuracy(check)
        checked = time.perf_counter()
        test = self._test_scores()
        return self._record(running, check, exact, test, (started, trained, checked, time.perf_counter()))

    def _train_epoch(self, epoch: int) -> "_RunningPass":
        order = epoch_order(self._data.subset, self.spec.seed, epoch)
        torch.manual_seed(key64("dropout", self.spec.seed, epoch))
        autocast = torch.autocast(self._device.type, torch.bfloat16, enabled=self.spec.precision == "bf16")
        seen = (epoch - 1) * len(order)
        losses, wrong = [], []  # by sample, in the epoch's order
        self.model.train()
        for images, labels, _ in self._data.train.batches(
            order, self.spec.batch_size, self._device, self._augmentation(epoch)
        ):
            self._set_learning_rate(seen)
            with autocast:
                logits = self.model(images)
            loss = F.cross_entropy(logits.float(), labels, reduction="none")
            self._optimizer.zero_grad()
            loss.mean().backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            seen += len(labels)
            losses.append(loss.detach())
            wrong.append(logits.detach().argmax(1) != labels)
        return _RunningPass(order, torch.cat(losses).cpu().double().numpy(), torch.cat(wrong).cpu().numpy())

    def _augmentation(self, epoch: int) -> Augmentation | None:
        spec = self.spec
        if not (spec.random_crop or spec.flip):
            return None
        return Augmentation(spec.crop_padding, spec.flip, spec.seed, epoch)

    def _set_learning_rate(self, images_seen: int) -> None:
        decay = self.spec.learning_rate_decay ** (images_seen // PAPER_EPOCH)
        self._optimizer.param_groups[0]["lr"] = self.spec.learning_rate * decay

    def _check_interpolation(self, running: "_RunningPass") -> Interpolation:
        if self.diverged:
            return Interpolation(False, 0)
        likeliest_errors_first = running.order[np.argsort(-running.losses, kind="stable")]
        return self._evaluator.interpolates(self._data.train, likeliest_errors_first)

    def _exact_train_accuracy(self, check: Interpolation) -> float | None:
        if check.fitted:
            return 1.0
        if self.diverged or not self._is_last:
            return None
        return self._evaluator.scores(self._data.train, self._data.subset).accuracy

    def _test_scores(self) -> Scores | None:
        every = self.spec.test_every
        due = self._is_last or self.epoch == self.epochs_to_fit or (every > 0 and self.epoch % every == 0)
        if self.diverged or not due:
            return None
        return self._evaluator.scores(self._data.test, np.arange(len(self._data.test.true_labels)))

    @property
    def _is_last(self) -> bool:
        place = {"epoch": self.epoch, "epochs_to_fit": self.epochs_to_fit, "diverged": self.diverged}
        return stop_reason(self.spec, place) is not None

    def _record(
        self,
        running: "_RunningPass",
        check: Interpolation,
        exact_train_accuracy: float | None,
        test: Scores | None,
        clock: tuple[float, float, float, float],
    ) -> Record:
        images = len(running.order)
        corrupted = self._data.labels.corrupted[running.order]
        train_seconds, check_seconds, test_seconds = np.diff(clock).tolist()
        return Record(
            epoch=self.epoch,
            steps=self.epoch * math.ceil(images / self.spec.batch_size),
            images_seen=self.epoch * images,
            learning_rate=self._optimizer.param_groups[0]["lr"],
            train_loss=_finite(float(running.losses.mean())),
            train_accuracy=float((~running.wrong).mean()),
            train_accuracy_corrupted=_accuracy(running.wrong[corrupted]),
            train_accuracy_clean=_accuracy(running.wrong[~corrupted]),
            test_loss=_finite(test.loss) if test else None,
            test_accuracy=test.accuracy if test else None,
            exact_train_accuracy=exact_train_accuracy,
            fitted=check.fitted,
            epochs_to_fit=self.epochs_to_fit,
            diverged=self.diverged,
            checked_images=check.checked_images,
            train_seconds=train_seconds,
            check_seconds=check_seconds,
            test_seconds=test_seconds,
            images_per_second=images / train_seconds,
        )


class _RunningPass(NamedTuple):
    """What the optimizer steps of an epoch saw, in training mode, by sample in the epoch's order; all (N,)."""

    order: npt.NDArray[np.int64]
    losses: npt.NDArray[np.float64]
    wrong: npt.NDArray[np.bool_]


def _initialized_model(spec: TrialSpec, data: TrialData, device: torch.device) -> nn.Module:
    torch.manual_seed(key64("initialization", spec.seed))
    model = models.build_model(spec, data.input_shape, data.classes).to(device)
    if models.get(spec.model).channels_last:
        model = model.to(memory_format=torch.channels_last)
    return model


def _accuracy(wrong: npt.NDArray[np.bool_]) -> float | None:
    return float((~wrong).mean()) if len(wrong) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
