"""Successive halving as a run records it: how the sweep asked for it, and each decision."""

import itertools
from dataclasses import dataclass
from typing import Annotated

import msgspec

from rethink.entry_checks import is_whole
from rethink.errors import SpecError
from rethink.spec import shown


@dataclass(frozen=True)
class SuccessiveHalving:
    """How a sweep asks for it (Li et al., arXiv 1810.05934, section 3): trials are ranked at rungs by train accuracy.

    Args:
        grace_epochs: Epochs before the first rung, from 1.
        reduction_factor: Each rung is after so many times as many epochs as the one before, from 2; of the trials at
            a rung, about one in this many goes on.

    Raises:
        SpecError: A value is no whole number, or too small.
    """

    grace_epochs: int
    reduction_factor: int = 3

    def __post_init__(self) -> None:
        for field, least in (("grace_epochs", 1), ("reduction_factor", 2)):
            value = getattr(self, field)
            if not is_whole(value, least):
                raise SpecError(f"{field} = {shown(value)} is not allowed: a whole number from {least}")

    def rungs(self, max_epochs: int) -> frozenset[int]:
        """The epochs, up to `max_epochs`, at which trials are ranked."""
        epochs = (self.grace_epochs * self.reduction_factor**k for k in itertools.count())
        return frozenset(itertools.takewhile(lambda epoch: epoch <= max_epochs, epochs))


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a trial passes a rung, and what the trials after it are compared with there."""

    spec_id: str
    epoch: Annotated[int, msgspec.Meta(ge=1)]
    train_accuracy: Annotated[float, msgspec.Meta(ge=0, le=1)]
    passes: bool
