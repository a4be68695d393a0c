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

        Raises SpecError for an unknown variant or field, or a value that no trial can run with.
        """
        if variant not in self.variants:
            raise SpecError(f"unknown variant {variant!r} of {self.name}; choose from {', '.join(self.variants)}")
        blocks = [{**block, **overrides} for block in self.variants[variant]]
        return list(dict.fromkeys(spec for block in blocks for spec in _cross(block)))


def _cross(block: Block) -> list[TrialSpec]:
    axes = [values if isinstance(values, list | tuple | range) else [values] for values in block.values()]
    for name, values in zip(block, axes, strict=True):
        if not values:
            raise SpecError(f"{name} has no value to sweep over")
    return [complete(dict(zip(block, point, strict=True))) for point in itertools.product(*axes)]
