"""Made networks with known gaps and values, as arrays and as the measures frame."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.ranking.networks import Networks
from analysis.schema.columns import MEASURES
from analysis.schema.typed_frames import typed

AXES = {"label_corruption": [0.0, 0.5, 1.0], "learning_rate": [0.01, 0.1], "train_samples": [100, 200]}


def networks(gap: Any, settings: Mapping[str, Sequence[Any]] | None = None, test_images: int = 10_000) -> Networks:
    """Networks of these gaps, (H, R); the settings are those of AXES unless given."""
    gaps = np.asarray(gap, np.float64)
    grid = pd.DataFrame(settings) if settings is not None else pd.DataFrame([*itertools.product(*AXES.values())])
    if settings is None:
        grid.columns = [*AXES]
    sizes = grid.get("train_samples", pd.Series([100] * len(grid)))
    images = np.repeat(np.asarray(sizes, np.float64)[:, None], gaps.shape[1], axis=1)
    return Networks(grid, gaps, np.full(gaps.shape, float(test_images)), images, measures={})


def random_networks(replicates: int = 4, seed: int = 0, spread: float = 0.1) -> Networks:
    """Networks of AXES whose gaps are drawn around values of their settings."""
    random = np.random.default_rng(seed)
    own = random.uniform(0.1, 0.8, size=(12, 1))
    return networks(own + spread * random.standard_normal((12, replicates)))


def measures_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The measures frame of these rows: what is not given is the same in all of them."""
    common = {
        **{"run": "made", "dataset": "fashion_mnist", "model": "mlp", "image_size": 28, "normalization": "per_image"},
        **{"pixel_corruption": "none", "optimizer": "sgd", "view": "centre", "precision": "fp32"},
        **{"moment": "fit", "measure": "l2_norm", "train_accuracy": 1.0, "test_images": 10_000},
    }
    whole = [{**common, "spec_id": f"{number:012x}", **row} for number, row in enumerate(rows)]
    return typed({column.name: [row.get(column.name) for row in whole] for column in MEASURES}, MEASURES)
