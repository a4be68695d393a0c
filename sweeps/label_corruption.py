"""Label corruption: time to fit and test error against the fraction of random labels.

Reproduces the figures "Epochs to converge vs label corruption level" and "Generalization error vs label corruption
level", and the paper's Figures 1b and 1c (arXiv 1611.03530, section 2). Every trial trains until it makes no error at
all on its own, partly random, training labels; the test labels stay clean.

    python sweeps/label_corruption.py --demo       MLP on 2,000 images, AlexNet on 250: minutes on two CPUs
    python sweeps/label_corruption.py              all four networks, 5 replicates; docs/results.md has the numbers
    python sweeps/label_corruption.py --cifar10 --data-dir DIR
                                                   CIFAR-10: as many images a network as two CPUs fit in an evening
    python sweeps/label_corruption.py --paper --data-dir DIR --gpus-per-trial 0.5
                                                   CIFAR-10: all images, on a GPU: untested

Expect: every network fits every level, random labels included, but for an MLP on all 50,000 images; test error rises
towards 1 - 1/classes = 0.9 at level 1; random labels take longer to fit than true ones, which the convolutional
networks do not show on the default's few images.
"""

from rethink.cli import run_sweep
from rethink.sweep import Sweep

LEVELS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
MLP = {"model": "mlp_1x512", "label_corruption": LEVELS, "train_samples": 2000}
ALEXNET = {"model": "alexnet_small", "label_corruption": LEVELS, "train_samples": 250, "test_every": 10}
DEEP = {
    "label_corruption": LEVELS,
    "replicate": range(5),
    "image_size": 20,
    "train_samples": 128,
    "batch_size": 32,
    "max_epochs": 150,
    "test_every": 10,
}
CIFAR10 = {"dataset": "cifar10", "test_every": 10}
ENDS = {"label_corruption": [0.0, 1.0], "replicate": range(3)}

SWEEP = Sweep(
    name="label_corruption",
    about="Time to fit 100% of the training set, and test error, against the label corruption level.",
    figure="Figures 1b and 1c",
    took={
        "default": "58 min on two busy CPUs",
        "demo": "6 to 8 min on two CPUs, with set-up",
        "cifar10": "7.3 hours of trials, two at a time, on two busy CPUs",
        "paper": "needs a GPU; never run",
        "smoke": "half a minute",
    },
    variants={
        "default": [
            {**MLP, "replicate": range(5)},
            # A convolution costs 30 times an MLP on a CPU: fewer images, of the deepest the middle alone, fewer tests.
            {**ALEXNET, "replicate": range(5)},
            {"model": "inception_small", **DEEP, "learning_rate": 0.01},
            {"model": "wide_resnet", **DEEP},
        ],
        "demo": [{**MLP, "replicate": range(3)}, ALEXNET],
        "cifar10": [
            {
                **CIFAR10,
                "model": "mlp_1x512",
                "train_samples": 10_000,
                "label_corruption": LEVELS,
                "replicate": range(5),
            },
            {
                **CIFAR10,
                "model": "mlp_3x512",
                "train_samples": 10_000,
                "label_corruption": LEVELS,
                "replicate": range(3),
            },
            # Noisy labels of so many images are never fitted exactly: after 130 epochs the rate is 0.001 of the first.
            {**CIFAR10, "model": "mlp_1x512", **ENDS, "max_epochs": 130},
            {**CIFAR10, "model": "alexnet_small", "train_samples": 5000, **ENDS},
            {**CIFAR10, "model": "inception_small", "train_samples": 2000, **ENDS},
            {**CIFAR10, "model": "wide_resnet", "train_samples": 2000, **ENDS},
        ],
        "paper": [
            {
                "dataset": "cifar10",
                "model": ["mlp_1x512", "alexnet_small", "inception_small", "wide_resnet"],
                "label_corruption": LEVELS,
                "replicate": range(3),
            },
        ],
        "smoke": [{"model": "mlp_1x512", "label_corruption": [0.0, 1.0], "train_samples": 200}],
    },
)

if __name__ == "__main__":
    raise SystemExit(run_sweep(SWEEP))
