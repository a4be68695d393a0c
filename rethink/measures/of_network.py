"""All measures of one network, by name; a null stands for what is undefined or not finite."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import nn

from rethink.measures.batches import Batches
from rethink.measures.fisher_rao import fisher_rao
from rethink.measures.flatness import by_magnitude, largest_sigma, magnitude_pac_bayes, pac_bayes, plain
from rethink.measures.folding import FoldedNetwork, NotMeasurable, fold
from rethink.measures.norms import over_margin, weight_measures
from rethink.measures.outputs import Outputs, calibration_error
from rethink.measures.speed import speed_measures
from rethink.records.measures.registry import MEASURES, QUICK

EXPENSIVE = tuple(measure.name for measure in MEASURES if measure.name not in QUICK)


class NetworkMeasures:
    """The measures of a network and its initial state.

    Args:
        trained: The network.
        initial: The same as initialized.
        input_shape: (C, H, W) of one image.
    """

    def __init__(self, trained: nn.Module, initial: nn.Module, input_shape: Sequence[int]) -> None:
        self._networks = trained, initial
        self._input_shape = input_shape
        self.problem: str | None = None  # why its weights have no measures
        try:
            self._folded: tuple[FoldedNetwork, FoldedNetwork] | None = (
                fold(trained, input_shape),
                fold(initial, input_shape),
            )
        except NotMeasurable as error:
            self._folded, self.problem = None, str(error)

    def quick(self, outputs: Outputs, rows: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
        """Those of QUICK.

        Args:
            outputs: Of the training set.
            rows: What training recorded until now.
        """
        trained, margin = self._networks[0], outputs.margin
        values = {
            "parameters": float(sum(p.numel() for p in trained.parameters() if p.requires_grad)),
            "train_confidence": float(outputs.confidences.mean()),
            "train_entropy": float(outputs.entropies.mean()),
            "train_cross_entropy": float(outputs.losses.mean()),
            "train_calibration_error": calibration_error(outputs.confidences, outputs.right),
            **speed_measures(rows),
        }
        if margin > 0:  # else 1 / γ² is small for the worst networks
            values["inverse_margin"] = 1 / margin**2
        if self._folded is not None:
            of_weights = weight_measures(*self._folded, self._input_shape)
            values |= of_weights
            if margin > 0:
                values |= over_margin(of_weights, len(self._folded[0].layers), margin)
        return _known(values, QUICK)

    def expensive(
        self, whole: Batches, some: Batches, samples: int, device: torch.device, seed: int
    ) -> dict[str, float | None]:
        """The others.

        Args:
            whole: The training set.
            some: That part of it whose error flatness is about.
            samples: Size of the training set.
            device: Where passes are made.
            seed: Of the perturbations.
        """
        if self._folded is None:
            return _known({}, EXPENSIVE)
        trained = self._folded[0]
        values = {"fisher_rao": fisher_rao(trained, whole, device)}
        sigma = largest_sigma(trained, some, device, seed, plain)
        if sigma > 0:
            values |= {
                "flatness": 1 / sigma**2,
                "pac_bayes_init": pac_bayes(float(self._moved.square().sum()), sigma, samples),
                "pac_bayes_orig": pac_bayes(float(self._vector.square().sum()), sigma, samples),
            }
        sigma = largest_sigma(trained, some, device, seed, by_magnitude)
        if sigma > 0:
            values |= {
                "magnitude_flatness": 1 / sigma**2,
                "magnitude_pac_bayes_init": self._by_magnitude(self._moved, sigma, samples),
                "magnitude_pac_bayes_orig": self._by_magnitude(self._vector, sigma, samples),
            }
        return _known(values, EXPENSIVE)

    def _by_magnitude(self, vector: torch.Tensor, sigma: float, samples: int) -> float:
        return magnitude_pac_bayes(float(vector.square().sum()), self._moved, sigma, samples)

    @cached_property
    def _vector(self) -> torch.Tensor:
        """All weights and biases."""
        assert self._folded is not None
        return _as_vector(self._folded[0])

    @cached_property
    def _moved(self) -> torch.Tensor:
        assert self._folded is not None
        return self._vector - _as_vector(self._folded[1])


def undefined() -> dict[str, float | None]:
    """All of QUICK for a network that diverged."""
    return dict.fromkeys(QUICK)


def _as_vector(network: FoldedNetwork) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def _known(values: Mapping[str, float], names: Sequence[str]) -> dict[str, float | None]:
    """The values of these names."""
    return {name: value if math.isfinite(value := values.get(name, math.nan)) else None for name in names}
