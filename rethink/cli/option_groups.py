"""The options in groups, and what the value of each is called in a help text."""

from collections.abc import Mapping

SEVERAL_FIELDS = {"protocol": "NAME", "replicate": "NUMBER"}

# Fields of TrialSpec by group.
SPEC_GROUPS: Mapping[str, Mapping[str, str]] = {
    "data": {
        "dataset": "NAME",
        "image_size": "PIXELS",
        "max_side": "PIXELS",
        "jpeg_quality": "QUALITY",
        "normalization": "SCALE",
        "train_samples": "IMAGES",
        "subset_seed": "SEED",
    },
    "corruption": {
        "label_corruption": "LEVEL",
        "pixel_corruption": "KIND",
        "corruption_seed": "SEED",
    },
    "model": {
        "model": "NAME",
        "depth": "LAYERS",
        "width": "FACTOR",
        "batch_norm": "on|off",
        "dropout": "PROBABILITY",
        "auxiliary_weight": "WEIGHT",
    },
    "optimization": {
        "seed": "SEED",
        "batch_size": "IMAGES",
        "learning_rate": "RATE",
        "learning_rate_decay": "FACTOR",
        "decay_images": "IMAGES",
        "optimizer": "NAME",
        "momentum": "MOMENTUM",
        "gradient_clip": "NORM",
        "weight_decay": "COEFFICIENT",
        "precision": "KIND",
    },
    "augmentation": {
        "random_crop": "on|off",
        "crop_padding": "PIXELS",
        "random_resized_crop": "on|off",
        "view": "KIND",
        "flip": "on|off",
        "rotation": "DEGREES",
    },
    "when a trial ends": {
        "max_epochs": "EPOCHS",
        "max_steps": "STEPS",
        "epochs_after_fit": "EPOCHS",
        "stop_loss": "NATS",
    },
    "what is measured": {
        "test_every": "EPOCHS",
        "evaluate_steps": "STEPS",
        "train_eval_samples": "IMAGES",
    },
}

# Fields of RunOptions.
RUN_GROUP = "where and how it runs (no result depends on these)"
RUN_VALUES = {
    "data_dir": "DIR",
    "cache_dir": "DIR",
    "writers": "PROCESSES",
    "skip_broken": "on|off",
    "os_cache": "on|off",
    "resident_memory": "GIB",
    "cpus_per_trial": "CPUS",
    "gpus_per_trial": "GPUS",
    "ray_address": "ADDRESS",
    "report_seconds": "SECONDS",
    "checkpoint_seconds": "SECONDS",
    "max_failures": "RESTARTS",
    "fail_fast": "on|off",
    "time_budget": "TIME",
    "other_code": "on|off",
}
