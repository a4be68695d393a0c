"""Label corruption: time to fit and test error against the fraction of random labels.

Reproduces the figures "Epochs to converge vs label corruption level" and "Generalization error vs label corruption
level", and the paper's Figures 1b and 1c (arXiv 1611.03530, section 2). Every trial trains until it makes no error at
all on its own, partly random, training labels; the test labels stay clean.

    python sweeps/label_corruption.py --demo       2,000 images (AlexNet: 500): 4 minutes on two CPUs
    python sweeps/label_corruption.py              all four models, 5,000 images, 3 seeds; never run as a whole: a step
                                                   of Inception takes about 2 s on a CPU, so a day or more
    python sweeps/label_corruption.py --paper --data-dir DIR --gpus-per-trial 0.5
                                                   the paper's own data, CIFAR-10; untested for want of both

Expect: every network fits every level, random labels included; test error rises towards 1 - 1/classes = 0.9 at level
1; noisy labels take longer to fit than clean ones, though at the demo's scale not at every step of the level.
"""

from rethink.cli import run_sweep
from rethink.sweep import Sweep

LEVELS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]

SWEEP = Sweep(
    name="label_corruption",
    about="Time to fit 100% of the training set, and test error, against the label corruption level.",
    variants={
        "default": [
            {
                "model": ["mlp_1x512", "alexnet_small", "inception_small", "wide_resnet"],
                "label_corruption": LEVELS,
                "seed": [0, 1, 2],
            },
        ],
        "demo": [
            {"model": "mlp_1x512", "label_corruption": LEVELS, "seed": [0, 1, 2], "train_samples": 2000},
            # Fewer images, half the precision and fewer tests: a convolution costs 30 times an MLP on a CPU.
            {
                "model": "alexnet_small",
                "label_corruption": LEVELS,
                "train_samples": 500,
                "precision": "bf16",
                "test_every": 10,
            },
        ],
        "paper": [
            {
                "dataset": "cifar10",
                "model": ["mlp_1x512", "alexnet_small", "inception_small", "wide_resnet"],
                "label_corruption": LEVELS,
                "seed": [0, 1, 2],
            },
        ],
        "smoke": [{"model": "mlp_1x512", "label_corruption": [0.0, 1.0], "train_samples": 200}],
    },
)

if __name__ == "__main__":
    raise SystemExit(run_sweep(SWEEP))
