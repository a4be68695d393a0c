"""Evaluation mode: accuracy over a set, and the exact interpolation check."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from rethink.data.streams.samples import Samples
from rethink.training.network import arithmetic

BATCH = 128
PROBE = 8  # images that the interpolation check looks at before all others


class Scores(NamedTuple):
    """Means over a set of samples."""

    loss: float  # cross-entropy, nats; may be infinite or nan
    accuracy: float  # fraction
    top5_accuracy: float  # fraction whose label is among the five largest logits


PERFECT = Scores(0.0, 1.0, 1.0)  # of a set without an error; its loss is not measured


class Interpolation(NamedTuple):
    """The answer of the interpolation check, and the number of images it had to look at."""

    fitted: bool
    checked_images: int


class Evaluator:
    """Runs a network over samples in evaluation mode: unaugmented, last partial batch included, no gradient."""

    def __init__(self, model: nn.Module, device: torch.device, precision: str) -> None:
        self._model = model
        self._device = device
        self._precision = precision

    def scores(self, samples: Samples, indices: npt.NDArray[np.int64]) -> Scores:
        """Mean loss and accuracy over the samples `indices` of a split."""
        scores = self.scores_within(samples, indices, None)
        assert scores is not None, "no loss is too large"
        return scores

    def scores_within(self, samples: Samples, indices: npt.NDArray[np.int64], most_loss: float | None) -> Scores | None:
        """The same, or nothing if the mean loss is above `most_loss`, or nan.

        No loss is negative, so the pass ends as soon as the first ones, the likeliest errors, add up to more.
        """
        loss = torch.zeros((), dtype=torch.float64, device=self._device)
        correct = torch.zeros(2, dtype=torch.int64, device=self._device)
        with self._evaluating():
            for images, labels in self._batches(samples, indices):
                logits = self._logits(images)
                loss += F.cross_entropy(logits, labels, reduction="sum").double()
                rank = label_ranks(logits, labels)
                correct += torch.stack(((rank < 1).sum(), (rank < 5).sum()))
                if most_loss is not None and not float(loss) / len(indices) <= most_loss:
                    return None
        top1, top5 = correct.tolist()
        return Scores(float(loss) / len(indices), top1 / len(indices), top5 / len(indices))

    def visit(
        self,
        samples: Samples,
        indices: npt.NDArray[np.int64],
        take: Callable[[torch.Tensor, torch.Tensor], None],
    ) -> None:
        """Give `take` the logits (n, classes) and labels (n,) of each batch."""
        with self._evaluating():
            for images, labels in self._batches(samples, indices):
                take(self._logits(images), labels)

    def interpolates(self, samples: Samples, indices: npt.NDArray[np.int64]) -> Interpolation:
        """Whether the network makes no error at all on the samples `indices`, the likeliest errors first.

        The first error ends the check, so until the network nearly fits it costs a few images.
        """
        checked = 0
        with self._evaluating():
            for part in (indices[:PROBE], indices[PROBE:]):
                if not len(part):
                    continue
                for images, labels in self._batches(samples, part):
                    checked += len(labels)
                    if bool((label_ranks(self._logits(images), labels) > 0).any()):
                        return Interpolation(False, checked)
        return Interpolation(True, checked)

    def _batches(self, samples: Samples, indices: npt.NDArray[np.int64]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for images, labels, _ in samples.batches(indices, BATCH):
            yield images.to(self._device), labels.to(self._device)

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        with arithmetic(self._precision, self._device):
            logits: torch.Tensor = self._model(images)
        return logits.float()

    def _evaluating(self) -> "_EvaluationMode":
        return _EvaluationMode(self._model)


def label_ranks(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(n,) int64: how many classes stand before each label: with a larger logit (n, C), or an equal one and first.

    Equal logits thus give no network a better rank than a draw, and one that is not finite ranks last.
    """
    own = logits.gather(1, labels[:, None])
    first = torch.arange(logits.shape[1], device=logits.device) < labels[:, None]
    before = ~(logits <= own) | ((logits == own) & first)
    return before.sum(1)


class _EvaluationMode:
    """`with`: the network in evaluation mode and no gradients; afterwards in training mode again."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._no_gradient = torch.inference_mode()

    def __enter__(self) -> None:
        self._model.eval()
        self._no_gradient.__enter__()

    def __exit__(self, *exception: object) -> None:
        self._no_gradient.__exit__(*exception)
        self._model.train()
