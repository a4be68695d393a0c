"""Explicit regularization: what random crops, augmentation, weight decay and dropout do to true and to random labels.

Reproduces the paper's Table 1 (arXiv 1611.03530: random crop × weight decay for every small network on true labels,
and its row of random labels), Table 4 (appendix E: does a regularizer alone stop a network from fitting random
labels?) and, on small images, the figure "Effect of Explicit Regularization on Generalization Performance". Dropout is
added to both. What the paper does not say is chosen here: the coefficient of weight decay (it names "the default" of
each model), dropout's probability, and by how many epochs trials with a crop or augmentation ran longer. Table 4's
augmentation is the paper's footnote 2: left-right flips and rotation by up to 25 degrees, no crop.

    python sweeps/explicit_regularization.py            small subsets; docs/results.md has the numbers
    python sweeps/explicit_regularization.py --paper    CIFAR-10, all images, on a GPU: untested

Expect (paper): every network fits the true labels with or without regularizers, which help test accuracy a little, the
random crop most; weight decay does not stop the fitting of random labels, except for AlexNet in the paper. There,
random labels with a crop or augmentation were trained for longer, at a rate that falls by 0.999 an epoch (appendix E);
so does --paper. Their accuracy in the paper is the running one, on augmented images (footnote 1): the tables have both
that and the exact one. In the default the rate falls once in 50,000 images, hardly at all, and max_epochs ends trials
that a random crop keeps from fitting: they are right-censored, and counted.
"""

from typing import Any

from rethink.cli import run_sweep
from rethink.sweep import Sweep

WEIGHT_DECAY = 5e-4  # this project's choice: the paper names no coefficient
DROPOUT = 0.5
AUGMENTATION: dict[str, Any] = {"flip": True, "rotation": 25.0}  # Table 4, footnote 2
LONGER: dict[str, Any] = {
    "learning_rate_decay": 0.999,
    "max_epochs": 1000,
}  # appendix E; 1,000 is this project's choice
CROP: dict[str, Any] = {"random_crop": True}  # padded as the data set usually is
INNER_CROP: dict[str, Any] = {"random_crop": True, "crop_padding": 0}  # out of the stored image, which has to be larger


def tables(crop: dict[str, Any] = CROP, longer: dict[str, Any] | None = None, **network: Any) -> list[dict[str, Any]]:
    """Both tables of one network: the grid and dropout on true labels, every regularizer alone on random ones.

    `longer` holds the fields of random labels with a crop or augmentation that differ from the others.
    """
    decay, dropout = {"weight_decay": WEIGHT_DECAY}, {"dropout": DROPOUT}
    true_labels = [{}, decay, crop, {**crop, **decay}, dropout]
    random_labels = [{}, decay, dropout, *({**moved, **(longer or {})} for moved in (crop, AUGMENTATION))]
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
    about="Random crop, weight decay and dropout on true labels; each alone, and augmentation, on random ones.",
    figure="Tables 1 and 4",
    took={
        "default": "44 min on two busy CPUs",
        "paper": "needs a GPU; never run",
    },
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
        "paper": all_tables(
            [*MLPS, ALEXNET, *INCEPTIONS], longer=LONGER, dataset="cifar10", replicate=range(3), max_epochs=300
        ),
        "smoke": tables(model="mlp_1x512", train_samples=100, max_epochs=5),
    },
)

if __name__ == "__main__":
    raise SystemExit(run_sweep(SWEEP))
