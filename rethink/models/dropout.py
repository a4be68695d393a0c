"""Dropout as an optional layer: no module at all when it is off."""

from torch import nn


def dropout_layers(probability: float) -> list[nn.Module]:
    """One nn.Dropout to splice into a Sequential, or nothing for probability 0."""
    return [nn.Dropout(probability)] if probability > 0 else []
