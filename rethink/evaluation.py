"""Evaluation mode: accuracy over a set, and the exact interpolation check."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from rethink.data.loaders import BetonStream

BATCH = 128
PROBE = 8  # images that the interpolation check looks at before all others


class Scores(NamedTuple):
    """Means over a set of samples."""

    loss: float  # cross-entropy, nats; may be infinite or nan
    accuracy: float  # fraction


class Interpolation(NamedTuple):
    """The answer of the interpolation check, and the number of images it had to look at."""

    fitted: bool
    checked_images: int


class Evaluator:
    """Runs a network over samples in evaluation mode: unaugmented, last partial batch included, no gradient."""

    def __init__(self, model: nn.Module, device: torch.device, precision: str) -> None:
        self._model = model
        self._device = device
        self._autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")

    def scores(self, stream: BetonStream, indices: npt.NDArray[np.int64]) -> Scores:
        """Mean loss and accuracy over the samples `indices` of a stream."""
        loss = torch.zeros((), dtype=torch.float64, device=self._device)
        correct = torch.zeros((), dtype=torch.int64, device=self._device)
        with self._evaluating():
            for images, labels, _ in stream.batches(indices, BATCH, self._device):
                logits = self._logits(images)
                loss += F.cross_entropy(logits, labels, reduction="sum").double()
                correct += (logits.argmax(1) == labels).sum()
        return Scores(float(loss) / len(indices), int(correct) / len(indices))

    def interpolates(self, stream: BetonStream, indices: npt.NDArray[np.int64]) -> Interpolation:
        """Whether the network makes no error at all on the samples `indices`, the likeliest errors first.

        The first error ends the check, so until the network nearly fits it costs a few images.
        """
        checked = 0
        with self._evaluating():
            for part in (indices[:PROBE], indices[PROBE:]):
                if not len(part):
                    continue
                for images, labels, _ in stream.batches(part, BATCH, self._device):
                    checked += len(labels)
                    if bool((self._logits(images).argmax(1) != labels).any()):
                        return Interpolation(False, checked)
        return Interpolation(True, checked)

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        with self._autocast:
            logits: torch.Tensor = self._model(images)
        return logits.float()

    def _evaluating(self) -> "_EvaluationMode":
        return _EvaluationMode(self._model)


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
