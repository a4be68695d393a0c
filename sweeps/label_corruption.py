"""Label corruption: time to fit and test error against the fraction of random labels (paper, Figure 1b and 1c).

rethink run label_corruption --demo       MLP-512 and small AlexNet on 2,000 images
"""

from rethink.cli import run_sweep
from rethink.sweep import Sweep

LEVELS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]

SWEEP = Sweep(
    name="label_corruption",
    about="Time to fit 100% of the training set, and test error, against the label corruption level.",
    variants={
        "default": [
            {"model": ["mlp_1x512", "alexnet_small", "inception_small", "wide_resnet"], "label_corruption": LEVELS},
        ],
        "demo": [
            {
                "model": "mlp_1x512",
                "label_corruption": LEVELS,
                "seed": [0, 1, 2],
                "train_samples": 2000,
                "learning_rate_decay": 1.0,
            },
        ],
        "smoke": [{"model": "mlp_1x512", "label_corruption": [0.0, 1.0], "train_samples": 200}],
    },
)

if __name__ == "__main__":
    raise SystemExit(run_sweep(SWEEP))
