"""Input corruption: how fast a network fits true labels, random labels, and three corruptions of the pixels.

Reproduces the figures "Effect of different inputs on convergence" (training loss by step) and "Effect of different
inputs on training" (training accuracy by step), and the paper's Figure 1a (arXiv 1611.03530, section 2). The five
conditions: the data as they are; every label drawn at random; the pixels of all images permuted alike; the pixels of
each image permuted on their own; each image replaced by Gaussian noise. All are fixed over the epochs; the test images
are corrupted in the same way, the test labels never.

    python sweeps/input_corruption.py              small networks on small subsets; docs/results.md has the numbers
    python sweeps/input_corruption.py --cifar10 --data-dir DIR
                                                   CIFAR-10: as many images a network as two CPUs fit in an evening
    python sweeps/input_corruption.py --paper --data-dir DIR --gpus-per-trial 0.5
                                                   the small Inception on all of CIFAR-10, on a GPU: untested

Expect: every condition is fitted to 100%. A fully connected network cannot tell shuffled pixels from true ones: the two
lines differ by chance alone. Only where something can be learned does test error fall below chance. The paper's order
(true labels first, random labels last) is that of Inception on 50,000 images; an MLP on few images fits noise first.
"""

from typing import Any

from rethink.cli import run_sweep
from rethink.sweep import Sweep

CONDITIONS = [
    {"label_corruption": 0.0, "pixel_corruption": "none"},
    {"label_corruption": 1.0, "pixel_corruption": "none"},
    {"label_corruption": 0.0, "pixel_corruption": "shuffled_pixels"},
    {"label_corruption": 0.0, "pixel_corruption": "random_pixels"},
    {"label_corruption": 0.0, "pixel_corruption": "gaussian"},
]


def conditions(**fields: Any) -> list[dict[str, Any]]:
    """One block per condition, with the other fields equal."""
    return [{**fields, **condition} for condition in CONDITIONS]


CIFAR10: dict[str, Any] = {"dataset": "cifar10", "test_every": 10}

SWEEP = Sweep(
    name="input_corruption",
    about="Training loss and accuracy by step on true labels, random labels, shuffled, random and Gaussian pixels.",
    figure="Figure 1a",
    took={
        "default": "16 min on two busy CPUs",
        "paper": "needs a GPU; never run",
    },
    variants={
        "default": [
            *conditions(model="mlp_1x512", train_samples=2000, replicate=range(5)),
            # A convolution costs 30 times an MLP on a CPU: fewer images, fewer tests.
            *conditions(model="alexnet_small", train_samples=250, replicate=range(5), test_every=10),
        ],
        "cifar10": [
            *conditions(**CIFAR10, model="mlp_1x512", train_samples=10_000, replicate=range(5)),
            *conditions(**CIFAR10, model="alexnet_small", train_samples=5000, replicate=range(3)),
            *conditions(**CIFAR10, model="inception_small", train_samples=2000, replicate=range(3)),
        ],
        "paper": conditions(dataset="cifar10", model="inception_small", replicate=range(3)),
        "smoke": conditions(model="mlp_1x512", train_samples=200),
    },
)

if __name__ == "__main__":
    raise SystemExit(run_sweep(SWEEP))
