"""Where a trial stands, and which steps are due from there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from rethink.records.record import stop_reason
from rethink.spec import TrialSpec


@dataclass
class Place:
    """What a trial has counted and found so far."""

    row: int = 0
    epoch: int = 0  # whole ones
    steps: int = 0
    images_seen: int = 0
    epochs_to_fit: int | None = None
    epochs_to_loss: int | None = None
    diverged: bool = False

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Place":
        """The place that a mapping with further entries holds."""
        return cls(**{field.name: state[field.name] for field in fields(cls) if field.name in state})

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def is_over(self, spec: TrialSpec) -> bool:
        """Whether no step is left, fitted or not."""
        out_of_steps = spec.max_steps is not None and self.steps >= spec.max_steps
        return self.diverged or self.epoch >= spec.max_epochs or out_of_steps

    def is_last(self, spec: TrialSpec) -> bool:
        """Whether the trial ends here."""
        return stop_reason(spec, self.to_dict()) is not None

    def is_evaluation_step(self, spec: TrialSpec) -> bool:
        return spec.evaluate_steps is not None and self.steps % spec.evaluate_steps == 0

    def is_test_due(self, spec: TrialSpec, *, ends_epoch: bool) -> bool:
        is_moment = self.epoch in (self.epochs_to_fit, self.epochs_to_loss)
        is_tested = is_moment or (spec.test_every > 0 and self.epoch % spec.test_every == 0)
        return (ends_epoch and is_tested) or self.is_evaluation_step(spec) or self.is_last(spec)

    def steps_to_next_row(self, spec: TrialSpec, images: int) -> int:
        """Steps to the next evaluation or to max_steps, unless the epoch, of so many images, ends before."""
        every, most = spec.evaluate_steps, spec.max_steps
        left = [images]
        left += [every - self.steps % every] if every else []
        left += [most - self.steps] if most else []
        return min(left)
