"""The same label sweep of six levels by the product and by the original project's loop, as whole processes, in turn.

Both train mlp_1x512 on the same images with the same labels, in batches of 32 at a constant learning rate of 0.001, to
100% train accuracy: the loop of original_sweep.py one trial after another with all CPUs, the product a trial a CPU. The
loop scales pixels to [-1, 1], and so does the product here.
"""

from benchmarks.common_recipe import IMAGES, Sweep, product, script, sweep_measurements
from benchmarks.measurement import Goal, Measurement, main
from benchmarks.original_sweep import BATCH_SIZE, LEARNING_RATE, MOMENTUM

LEVELS, SEEDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), (0,)
PAIRS = 2
SPEC = (
    *("--batch-size", BATCH_SIZE, "--learning-rate", LEARNING_RATE, "--momentum", MOMENTUM),
    *("--normalization", "unit"),
)


def measure(quick: bool) -> list[Measurement]:
    levels = (0.0,) if quick else LEVELS
    pairs = [(product(levels, SEEDS, *SPEC), _original(levels)) for _ in range(1 if quick else PAIRS)]
    return sweep_measurements(pairs, "original project's loop", Goal("at least", 6.0), "no DataLoader workers")


def _original(levels: tuple[float, ...]) -> Sweep:
    return script("benchmarks.original_sweep", levels, SEEDS, "--train-samples", IMAGES)


if __name__ == "__main__":
    main(measure)
