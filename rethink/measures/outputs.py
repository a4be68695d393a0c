"""What a network says of its training set: margins and confidences, from one pass in evaluation mode."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from rethink.training.evaluation import label_ranks

BINS = 15  # of confidence, for the calibration error (Guo et al., arXiv 1706.04599)
MARGIN_QUANTILE = 0.1

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outputs:
    """By sample, all (n,)."""

    margins: Values  # logit of the label − largest other one
    losses: Values  # cross-entropy, nats
    confidences: Values  # largest probability
    entropies: Values  # of the probabilities, nats
    right: npt.NDArray[np.bool_]

    @property
    def margin(self) -> float:
        """γ: the 10th percentile of the margins, as numpy.quantile interpolates it."""
        return float(np.quantile(self.margins, MARGIN_QUANTILE))


class OutputCollector:
    """Takes batches of logits, and keeps of each sample what Outputs has."""

    def __init__(self) -> None:
        self._parts: list[torch.Tensor] = []

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Logits (n, classes) and labels (n,)."""
        exact = logits.double()
        own = exact.gather(1, labels[:, None])
        others = exact.scatter(1, labels[:, None], -math.inf).amax(1, keepdim=True)
        logarithms = F.log_softmax(exact, dim=1)
        probabilities = logarithms.exp()
        entropies = -torch.xlogy(probabilities, probabilities).sum(1, keepdim=True)
        losses, confidences = -logarithms.gather(1, labels[:, None]), probabilities.amax(1, keepdim=True)
        right = (label_ranks(logits, labels) < 1)[:, None].double()
        self._parts.append(torch.cat((own - others, losses, confidences, entropies, right), dim=1).cpu())

    def outputs(self) -> Outputs:
        """All of it so far, at least one batch."""
        margins, losses, confidences, entropies, right = torch.cat(self._parts).numpy().T
        return Outputs(margins, losses, confidences, entropies, right > 0)


def calibration_error(confidences: Values, right: npt.NDArray[np.bool_]) -> float:
    """Σ over equal bins of confidence: share of the samples · |accuracy − mean confidence| (Guo et al., eq. 3).

    Args:
        confidences: (n,) in [0, 1]; a bin holds its upper end.
        right: (n,), whether each was predicted as its label.
    """
    bins = np.clip(np.ceil(confidences * BINS).astype(int) - 1, 0, BINS - 1)
    differences = np.bincount(bins, right - confidences, BINS)  # sums by bin: share · (accuracy − confidence) · n
    return float(np.abs(differences).sum() / len(confidences))
