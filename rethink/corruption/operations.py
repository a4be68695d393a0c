"""Corruption as FFCV operations by sample index: one beton serves every level and every seed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rethink.ffcv_runtime import IntDecoder, kernel


@kernel
def _look_up(indices, out, table):  # type: ignore[no-untyped-def]
    """out[k] = table[indices[k]]: (N,) int64 -> (n, 1) int64."""
    for i in range(indices.shape[0]):
        out[i, 0] = table[indices[i]]


class LabelLookup(IntDecoder):
    """Label decoder: the label that a table gives for the sample's index; the labels on disk stay as they are."""

    def __init__(self, table: npt.NDArray[np.int64]) -> None:
        super().__init__()
        self.table = table

    def generate_code(self) -> Callable[..., Any]:
        def look_up(indices: Any, out: Any, metadata: Any, storage_state: Any) -> Any:
            _look_up(indices, out, self.table)
            return out

        return look_up
