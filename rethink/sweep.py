"""A Sweep: an experiment's search space, in variants, as data."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rethink.halving import SuccessiveHalving
from rethink.protocol import complete
from rethink.spec import SpecError, TrialSpec

Block = Mapping[str, Any]  # field of TrialSpec -> one value, or a list of values to cross with the others


@dataclass(frozen=True)
class Sweep:
    """What a sweep file declares. A variant is a list of blocks; each block is crossed out, their trials united."""

    name: str
    about: str  # one line: what it measures and which figure it reproduces
    variants: Mapping[str, Sequence[Block]]  # "default" and any others, such as "smoke"
    halving: SuccessiveHalving | None = None  # none: every trial trains to its own end

    def specs(self, variant: str, overrides: Mapping[str, Sequence[Any]]) -> list[TrialSpec]:
        """The trials of a variant, without repetition; `overrides` replaces fields in every block.

        A model's settings are its block's: where the blocks are written for several models, an override of `model`
        keeps those of the models that it names. Raises SpecError for an unknown variant or field, a model that has no
        block among several models', or a value that no trial can run with.
        """
        if variant not in self.variants:
            raise SpecError(f"unknown variant {variant!r} of {self.name}; choose from {', '.join(self.variants)}")
        blocks = self.variants[variant]
        fields = dict(overrides)
        if "model" in fields:
            blocks = _of_models(blocks, fields.pop("model"))
        blocks = [{**block, **fields} for block in blocks]
        return list(dict.fromkeys(spec for block in blocks for spec in _cross(block)))


def _of_models(blocks: Sequence[Block], models: Sequence[str]) -> list[Block]:
    """The blocks for these models: those written for them, or, if all are written for the same, all of them."""
    written = [_values(block.get("model", ())) for block in blocks]
    if all(names == written[0] for names in written):
        return [{**block, "model": models} for block in blocks]
    known = list(dict.fromkeys(name for names in written for name in names))
    for model in models:
        if model not in known:
            raise SpecError(
                f"model = {model!r} is not allowed: the settings here are those of {', '.join(known)}; "
                "a sweep of your own takes any model"
            )
    kept = ([name for name in names if name in models] for names in written)
    return [{**block, "model": names} for block, names in zip(blocks, kept, strict=True) if names]


def _cross(block: Block) -> list[TrialSpec]:
    axes = [_values(values) for values in block.values()]
    for name, values in zip(block, axes, strict=True):
        if not values:
            raise SpecError(f"{name} has no value to sweep over")
    return [complete(dict(zip(block, point, strict=True))) for point in itertools.product(*axes)]


def _values(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple | range) else [values]
