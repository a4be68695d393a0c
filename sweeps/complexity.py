"""Complexity: which measures of a trained network order generalization gaps, with label noise as an axis?

A grid of networks, all trained until they make no error at all on their own, partly random, training labels, and then
on to a cross-entropy of 0.01, where networks are compared at equal loss. Jiang et al. (arXiv 1912.02178) and Dziugaite
et al. (arXiv 2010.11924) rank measures on such grids; neither varies the share of random labels.

    python sweeps/complexity.py                    MLPs on 10,000 test images of Fashion-MNIST (Debian's package
                                                   dataset-fashion-mnist, or a download): an hour on two busy CPUs
    python sweeps/complexity.py --cifar10 --data-dir DIR
                                                   about a thousand MLPs on CIFAR-10: untested
    rethink measure RUN && rethink rank RUN        the measures that cost more, and the ranking

Five replicates, since an environment of two settings counts from an effective 12 pairs of replicates. Gaps that differ
by less than 2 points on 10,000 test images are noise, so sizes, widths and levels lie far apart. At a learning rate of
0.05 and a batch of 32, narrow networks do not fit.

Expect (docs/ranking.md): at equal loss every norm orders levels; none orders widths, sizes and batch sizes as well.
"""

from rethink.cli import run_sweep
from rethink.sweep import Sweep

LEVELS = [0.0, 0.25, 0.5, 1.0]
COMPARED = {"model": "mlp", "stop_loss": 0.01, "learning_rate_decay": 1.0, "test_every": 0}

SWEEP = Sweep(
    name="complexity",
    about="Which complexity measures order the generalization gaps of networks, with label noise as an axis.",
    took={
        "default": "65 min on two busy CPUs",
        "cifar10": "never run",
        "smoke": "half a minute",
    },
    figure="no figure of the paper: the ranking of Jiang et al. and of Dziugaite et al., with label noise as an axis",
    variants={
        "default": [
            {
                **COMPARED,
                "dataset": "fashion_mnist",
                "label_corruption": LEVELS,
                "depth": 2,
                "width": [64, 512],
                "learning_rate": [0.003, 0.012],
                "batch_size": [32, 128],
                "train_samples": [250, 1000],
                "replicate": range(5),
            },
        ],
        "cifar10": [
            {
                **COMPARED,
                "dataset": "cifar10",
                "label_corruption": LEVELS,
                "depth": [1, 3],
                "width": [128, 512],
                "learning_rate": [0.003, 0.01],
                "batch_size": [32, 128],
                "train_samples": [1000, 2000, 4000],
                "replicate": range(5),
            },
        ],
        "smoke": [
            {
                **COMPARED,
                "label_corruption": [0.0, 1.0],
                "depth": 1,
                "width": 64,
                "train_samples": [100, 200],
                "replicate": range(2),
            },
        ],
    },
)

if __name__ == "__main__":
    raise SystemExit(run_sweep(SWEEP))
