"""What decides a trial's result: TrialSpec, and how fields are declared and values written."""

from rethink.spec.text import number_text, shown
from rethink.spec.trial_spec import LIMITS, MAX_SEED, PIXEL_CORRUPTIONS, SEEDS, TrialSpec

__all__ = ["LIMITS", "MAX_SEED", "PIXEL_CORRUPTIONS", "SEEDS", "TrialSpec", "number_text", "shown"]
