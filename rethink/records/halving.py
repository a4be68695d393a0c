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
    """How a sweep asks for it: ranks after `grace_epochs`, and after each `reduction_factor` times as many."""

    grace_epochs: int
    reduction_factor: int = 3  # of the trials at a rung, about one in this many goes on

    def __post_init__(self) -> None:
        """Raises SpecError for what is no whole number, or out of range."""
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
