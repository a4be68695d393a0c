"""Capacity: epochs to fit against the number of training images, and the number at which a network stops fitting.

A network of given width and depth fits few random labels quickly and many not at all: between, the time to fit grows
without bound. The largest training set that it fits within the horizon is its effective model complexity (Nakkiran et
al., arXiv 1912.02292, definition 1), here with an error of exactly 0, which only an exact check of every training image
can say. The learning rate is constant, so that nothing but the network and `max_epochs` limits what it fits.

    python sweeps/capacity.py                      MLPs of 1 and 2 hidden layers, 8 to 64 units, on up to 2,000 images
    python sweeps/capacity.py --cifar10 --data-dir DIR
                                                   CIFAR-10: MLPs of 16 to 256 units on up to 20,000 images

Expect: at level 0 a network fits more images than at level 1; the capacity grows with the width. `rethink query RUN
"select * from capacity"` has the brackets.
"""

from rethink.cli import run_sweep
from rethink.sweep import Sweep

LEVELS = [0.0, 1.0]
SIZES = [125, 180, 250, 350, 500, 700, 1000, 1400, 2000]
CIFAR10_SIZES = [625, 1250, 2500, 5000, 10_000, 20_000]
MLP = {"model": "mlp", "label_corruption": LEVELS, "learning_rate_decay": 1.0, "max_epochs": 300, "test_every": 0}

SWEEP = Sweep(
    name="capacity",
    about="Epochs to fit against the number of training images, by width and depth: where fitting ends.",
    figure="no figure of the paper: effective model complexity (Nakkiran et al., definition 1)",
    variants={
        "default": [
            {**MLP, "train_samples": SIZES, "depth": [1, 2], "width": [8, 16, 32, 64], "replicate": range(3)},
        ],
        "cifar10": [
            {
                **MLP,
                "dataset": "cifar10",
                "train_samples": CIFAR10_SIZES,
                "width": [16, 32, 64, 128, 256],
                "replicate": range(3),
            },
        ],
        "smoke": [{**MLP, "train_samples": [20, 40, 80], "width": 2, "max_epochs": 20}],
    },
)

if __name__ == "__main__":
    raise SystemExit(run_sweep(SWEEP))
