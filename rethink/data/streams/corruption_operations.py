"""Corruption as FFCV operations by sample index: one beton serves every level and every seed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rethink.corruption.pixels import PixelCorruption
from rethink.data.ffcv_bridge.runtime import AllocationQuery, IntDecoder, Operation, State
from rethink.kernel import kernel


@kernel
def _look_up(indices, out, table):  # type: ignore[no-untyped-def]
    """out[k] = table[indices[k]]: (N,) int64 -> (n, 1) int64."""
    for i in range(indices.shape[0]):
        out[i, 0] = table[indices[i]]


class LabelLookup(IntDecoder):
    """Label decoder: takes the label of a sample's index from a table; the labels on disk are not used."""

    def __init__(self, table: npt.NDArray[np.int64]) -> None:
        super().__init__()
        self.table = table

    def generate_code(self) -> Callable[..., Any]:
        def look_up(indices: Any, out: Any, metadata: Any, storage_state: Any) -> Any:
            _look_up(indices, out, self.table)
            return out

        return look_up


class CorruptedPixels(Operation):
    """Image stage: the corruption of the whole stored image, uint8 (n, H, W, 3) -> the corruption's dtype."""

    def __init__(self, corruption: PixelCorruption) -> None:
        super().__init__()
        self.corruption = corruption

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, AllocationQuery | None]:
        dtype = self.corruption.dtype
        memory = None if self.corruption.kind == "none" else AllocationQuery(previous_state.shape, dtype)
        return replace(previous_state, dtype=dtype), memory

    def generate_code(self) -> Callable[..., Any]:
        def corrupt(images: Any, out: Any, indices: Any) -> Any:
            if self.corruption.kind == "none":
                return images
            self.corruption.apply(images, indices, out[: len(images)])
            return out[: len(images)]

        corrupt.with_indices = True  # type: ignore[attr-defined]
        return corrupt
