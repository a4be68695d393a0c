"""Explicit regularization: what random crops, weight decay and dropout do to true labels, and to random ones.

Reproduces the paper's Table 1 (arXiv 1611.03530: random crop × weight decay for every small network on true labels,
and its row of random labels), Table 4 (appendix E: does a regularizer alone stop a network from fitting random
labels?) and, on small images, the figure "Effect of Explicit Regularization on Generalization Performance". Dropout is
added to both.

    python sweeps/explicit_regularization.py            small subsets; docs/results.md has the numbers
    python sweeps/explicit_regularization.py --paper    CIFAR-10, all images: wants a GPU, untested there

Expect (paper): every network fits the true labels with or without regularizers, which help test accuracy a little, the
random crop most; weight decay does not stop the fitting of random labels, but for AlexNet in the paper. At the
default's scale max_epochs ends trials that a random crop keeps from fitting: they are right-censored, and counted.
"""

from typing import Any

from rethink.cli import run_sweep
from rethink.sweep import Sweep

WEIGHT_DECAY = 5e-4  # the paper's, appendix A
DROPOUT = 0.5
CROP: dict[str, Any] = {"random_crop": True}  # padded as the data set usually is
INNER_CROP: dict[str, Any] = {"random_crop": True, "crop_padding": 0}  # out of the stored image, which has to be larger


def tables(crop: dict[str, Any] = CROP, **network: Any) -> list[dict[str, Any]]:
    """Both tables of one network: the grid and dropout on true labels, every regularizer alone on random ones."""
    decay, dropout = {"weight_decay": WEIGHT_DECAY}, {"dropout": DROPOUT}
    true_labels = [{}, decay, crop, {**crop, **decay}, dropout]
    random_labels = [{}, decay, dropout, crop, {**crop, "flip": True}]
    return [
        *({**network, **regularizers} for regularizers in true_labels),
        *({**network, "label_corruption": 1.0, **regularizers} for regularizers in random_labels),
    ]


def all_tables(networks: list[dict[str, Any]], **fields: Any) -> list[dict[str, Any]]:
    """The blocks of several networks, the other fields alike."""
    return [block for network in networks for block in tables(**network, **fields)]


MLPS = [{"model": "mlp_1x512"}, {"model": "mlp_3x512"}]
ALEXNET: dict[str, Any] = {"model": "alexnet_small"}
INCEPTIONS = [{"model": "inception_small", "batch_norm": True}, {"model": "inception_small", "batch_norm": False}]

SWEEP = Sweep(
    name="explicit_regularization",
    about="Tables 1 and 4: random crop, weight decay and dropout on true labels, each alone on random labels.",
    variants={
        "default": [
            *all_tables(MLPS, train_samples=500, replicate=range(5), max_epochs=300, test_every=10),
            *tables(**ALEXNET, train_samples=250, max_epochs=150, test_every=10),
            # Crops of 20×20 out of 28×28: the paper's, too, are smaller than its images.
            *all_tables(
                INCEPTIONS,
                image_size=20,
                crop=INNER_CROP,
                train_samples=128,
                batch_size=32,
                learning_rate=0.01,
                max_epochs=100,
                test_every=10,
            ),
        ],
        "paper": all_tables([*MLPS, ALEXNET, *INCEPTIONS], dataset="cifar10", replicate=range(3), max_epochs=300),
        "smoke": tables(model="mlp_1x512", train_samples=100, max_epochs=5),
    },
)

if __name__ == "__main__":
    raise SystemExit(run_sweep(SWEEP))
