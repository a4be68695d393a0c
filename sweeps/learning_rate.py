"""Learning rate: which one fits first, for each model and label corruption level.

The search behind the learning rates of the other sweeps; the paper (arXiv 1611.03530, appendix A) gives one for each
network and keeps it at every level. Random search: the same log-uniform rates in every cell of model and level.
Successive halving ranks the running train accuracy after 10, 30, 90, ... epochs, inside a cell only: clean labels fit
sooner than random ones, so a rank over levels would give up the random ones, whatever their learning rate.

    python sweeps/learning_rate.py                 1,000 images (AlexNet: 250), 90 trials: minutes on two CPUs
    python sweeps/learning_rate.py --paper --data-dir DIR --gpus-per-trial 0.5
                                                   the paper's data and networks, on a GPU: untested

Expect: the fastest rate lies well above the smallest that fits, and the largest rates fit nothing. A trial that halving
gave up is right-censored, with stop reason "scheduler": others were ahead; its rate may still fit.
Which trials those are depends on the order in which they ran; the measured epochs of all others do not. Measured
values: docs/results.md.
"""

from rethink.cli import run_sweep
from rethink.sweep import SuccessiveHalving, Sweep, log_uniform

LEVELS = [0.0, 0.5, 1.0]

SWEEP = Sweep(
    name="learning_rate",
    about="Which learning rate fits 100% of the training set first, for each model and label corruption level.",
    figure="the search behind the rates of appendix A",
    took={
        "default": "8 min on two busy CPUs",
        "paper": "needs a GPU; never run",
    },
    variants={
        "default": [
            {
                "model": ["mlp_1x512", "mlp_3x512"],
                "label_corruption": LEVELS,
                "learning_rate": log_uniform(0.001, 1.0, samples=12),
                "train_samples": 1000,
                "max_epochs": 150,
                "test_every": 10,
            },
            {
                "model": "alexnet_small",
                "label_corruption": LEVELS,
                "learning_rate": log_uniform(0.001, 1.0, samples=6),
                "train_samples": 250,
                "max_epochs": 150,
                "test_every": 10,
            },
        ],
        "paper": [
            {
                "dataset": "cifar10",
                "model": ["mlp_1x512", "mlp_3x512", "alexnet_small", "inception_small"],
                "label_corruption": LEVELS,
                "learning_rate": log_uniform(0.001, 1.0, samples=12),
                "replicate": range(3),
            },
        ],
        "smoke": [
            {
                "model": "mlp_1x512",
                "label_corruption": [0.0, 1.0],
                "learning_rate": log_uniform(0.001, 1.0, samples=4),
                "train_samples": 200,
                "max_epochs": 40,
            },
        ],
    },
    halving=SuccessiveHalving(grace_epochs=10),
)

if __name__ == "__main__":
    raise SystemExit(run_sweep(SWEEP))
