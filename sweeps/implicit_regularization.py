"""Implicit regularization: the same network with and without BatchNorm.

Reproduces the figure "Effect of Implicit Regularisation" and the paper's Figure 2b (arXiv 1611.03530, section 3.1):
train and test accuracy by epoch of the small Inception, BatchNorm on and off, no other regularizer.

    python sweeps/implicit_regularization.py            256 images; docs/results.md has the numbers
    python sweeps/implicit_regularization.py --cifar10 --data-dir DIR
                                                        CIFAR-10: as many images as two CPUs fit in an evening
    python sweeps/implicit_regularization.py --paper --data-dir DIR --gpus-per-trial 0.5
                                                        all of CIFAR-10, on a GPU: untested

Expect (paper): BatchNorm makes training steadier and faster, and test accuracy a few points better; without it the
network generalizes nearly as well.
"""

from rethink.cli import run_sweep
from rethink.sweep import Sweep

SWEEP = Sweep(
    name="implicit_regularization",
    about="Train and test accuracy by epoch of the small Inception with and without BatchNorm.",
    figure="Figure 2b",
    took={
        "default": "13 min on two busy CPUs",
        "paper": "needs a GPU; never run",
    },
    variants={
        "default": [
            {
                "model": "inception_small",
                "batch_norm": [True, False],
                # The middle of each image halves the cost; without BatchNorm the paper's rate of 0.1 diverged.
                "image_size": 20,
                "train_samples": 256,
                "batch_size": 32,
                "learning_rate": 0.01,
                "replicate": range(5),
                "max_epochs": 120,
                "test_every": 4,
            }
        ],
        "cifar10": [
            {
                "dataset": "cifar10",
                "model": "inception_small",
                "batch_norm": [True, False],
                "train_samples": 2000,
                "learning_rate": 0.03,  # without BatchNorm it did not learn at 0.1
                "replicate": range(3),
                "max_epochs": 150,
                "test_every": 5,
            }
        ],
        "paper": [
            {"dataset": "cifar10", "model": "inception_small", "batch_norm": [True, False], "replicate": range(3)},
        ],
        "smoke": [
            {
                "model": "inception_small",
                "batch_norm": [True, False],
                "image_size": 12,
                "train_samples": 20,
                "batch_size": 10,
                "max_epochs": 2,
            }
        ],
    },
)

if __name__ == "__main__":
    raise SystemExit(run_sweep(SWEEP))
