"""ImageNet: what augmentation, dropout, weight decay and the learning-rate schedule do to Inception V3.

Reproduces the paper's Table 2 (arXiv 1611.03530: top-1 and top-5 accuracy on true and on random labels; in parentheses
the best during training, the potential of early stopping), its Figure 2a, and the original project's figure "Effect of
Explicit Regularization on Generalization Performance": train and test accuracy against thousand steps of three
variants.

    python sweeps/imagenet_regularization.py --data-dir DIR            a network of 1/16 the width on a folder of JPEG
                                                                       images; docs/results.md has the numbers
    python sweeps/imagenet_regularization.py --paper --data-dir ILSVRC --gpus-per-trial 1 --cpus-per-trial 8
                                                                       Table 2 itself: seven trials of 2 million steps
    python sweeps/imagenet_regularization.py --original-variants ...
                                                                       the original project's three: 2 million steps,
                                                                       3.11 with augmentation

DIR and ILSVRC hold `train/WNID/*.JPEG` and `val/WNID/*.JPEG` (or a flat `val/` and its ground truth);
`python -m tests.made_jpegs DIR` makes such a folder of real JPEG files. The full variants need ImageNet and a GPU
for each trial, and are untested. A step is 32 images there; 40,037 steps are an epoch of ImageNet.

From the paper, in --paper: the seven rows, the network, images resized as a whole to 299 pixels a side (appendix A).
What the paper does not say is this project's choice: the parts of "data augmentation" (random resized crop and flip, as
is usual with this network, which then sees the centre of test images: against the other rows both differ), the
strengths of dropout and weight decay (TensorFlow's), the optimizer and its rates (Szegedy et al.'s), and the number of
steps. From the original project, in --original-variants: batches of 32, the whole image resized, ImageNet's mean and
deviation, flip and rotation by up to 25 degrees, torchvision's dropout, no weight on the auxiliary loss.

Expect (paper): without any regularizer the network still fits nearly all of the training set and generalizes, to 59.80%
top-1; augmentation helps most; random labels are fitted to 95.20%, test accuracy staying at chance, 0.1%.
"""

from typing import Any

from rethink.cli import run_sweep
from rethink.sweep import Sweep

WHOLE: dict[str, Any] = {"view": "whole"}
RESIZED_CROP: dict[str, Any] = {"view": "centre", "random_resized_crop": True, "flip": True}
ORIGINAL_AUGMENTATION: dict[str, Any] = {"flip": True, "rotation": 25.0}
CONSTANT_RATE: dict[str, Any] = {"learning_rate_decay": 1.0}


def table_2(dropout: float, weight_decay: float, **fields: Any) -> list[dict[str, Any]]:
    """The seven rows of the paper's Table 2."""
    drop, decay = {"dropout": dropout}, {"weight_decay": weight_decay}
    true_labels = [{**RESIZED_CROP, **drop, **decay}, RESIZED_CROP, decay, {}]
    random_labels = [{**drop, **decay}, decay, {}]
    return [
        *({**fields, **WHOLE, **regularizers} for regularizers in true_labels),
        *({**fields, **WHOLE, "label_corruption": 1.0, **regularizers} for regularizers in random_labels),
    ]


def original_variants(dropout: float, steps: int, steps_with_augmentation: int, **fields: Any) -> list[dict[str, Any]]:
    """The original project's three variants, all with dropout; what they share is the protocol "original"."""
    common = {**fields, "dropout": dropout, "max_steps": steps}
    return [
        common,
        {**common, **CONSTANT_RATE},
        {**common, **ORIGINAL_AUGMENTATION, "max_steps": steps_with_augmentation},
    ]


# TensorFlow's Inception V3 has 0.2 and 4e-5; torchvision's, which the original project used, has a dropout of 0.5.
TENSORFLOWS = {"dropout": 0.2, "weight_decay": 4e-5}
ORIGINAL_DROPOUT = 0.5
NETWORK: dict[str, Any] = {"dataset": "imagenet", "model": "inception_v3"}
# As many training images as the test set has are scored with it; the rest only at the end.
FULL = {**NETWORK, "test_every": 0, "evaluate_steps": 10_000, "train_eval_samples": 50_000, "precision": "bf16"}
NARROW = {**NETWORK, "width": 1, "test_every": 0}

SMALL = {
    **NARROW,
    "train_samples": 200,
    "batch_size": 16,
    "learning_rate": 0.01,  # at the original project's 0.1, such small batches ended at chance
    "decay_images": 500,
    "evaluate_steps": 50,
    "max_steps": 1200,
}
SMOKE = {**NARROW, "batch_size": 8, "decay_images": 24, "evaluate_steps": 12, "train_eval_samples": 10}

SWEEP = Sweep(
    name="imagenet_regularization",
    about="Regularizers of Inception V3 on JPEG images: top-1 and top-5 accuracy by step.",
    figure="Table 2, Figure 2a and the original project's three variants",
    took={
        "default": "38 min on two busy CPUs",
        "paper": "needs a GPU for each trial; never run",
        "original-variants": "needs a GPU for each trial; never run",
    },
    variants={
        "default": [
            *table_2(**TENSORFLOWS, **SMALL, protocol="original"),
            *original_variants(ORIGINAL_DROPOUT, 1200, 1200, **SMALL, protocol="original"),
        ],
        "paper": table_2(**TENSORFLOWS, **FULL, protocol="szegedy2016", max_steps=2_000_000),
        "original-variants": original_variants(ORIGINAL_DROPOUT, 2_000_000, 3_110_000, **FULL, protocol="original"),
        "smoke": [
            *table_2(**TENSORFLOWS, **SMOKE, protocol="szegedy2016", max_steps=24),
            *original_variants(ORIGINAL_DROPOUT, 24, 36, **SMOKE, protocol="original"),
        ],
    },
)

if __name__ == "__main__":
    raise SystemExit(run_sweep(SWEEP))
