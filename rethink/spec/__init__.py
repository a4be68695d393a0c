"""What decides a trial's result: TrialSpec, and how fields are declared and values written."""

from rethink.spec.text import number_text, shown
from rethink.spec.trial_spec import MAX_SEED, PIXEL_CORRUPTIONS, SEEDS, TrialSpec

__all__ = ["MAX_SEED", "PIXEL_CORRUPTIONS", "SEEDS", "TrialSpec", "number_text", "shown"]
