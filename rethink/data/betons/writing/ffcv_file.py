"""Writes a data set as an FFCV file, without FFCV's worker processes."""

import errno
import math
import os
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from rethink.data.betons.writing.raw_samples import CheckedSplit

ALLOCATION_BYTES = 24  # an entry of the allocation table; every sample has one, its image
MIN_PAGE = 2**21  # FFCV's least page size, bytes
IMAGES_PER_PAGE = 8  # at least: an image never lies across two pages, so this bounds the loss to 1/8


def write_samples(path: Path, samples: CheckedSplit) -> None:
    """Write one FFCV file of uncompressed images and labels. Raises what `write_ffcv_file` raises."""
    from rethink.data.ffcv_bridge.runtime import RGBImageField

    page_size = max(MIN_PAGE, 1 << (IMAGES_PER_PAGE * math.prod(samples.shape) - 1).bit_length())
    write_ffcv_file(path, RGBImageField(write_mode="raw"), page_size, len(samples), samples)


def write_ffcv_file(
    path: Path, image_field: Any, page_size: int, at_most: int, samples: Iterable[tuple[Any, int]]
) -> None:
    """Write one FFCV file of (image, label) samples in this process, sample i in place i; there may be fewer.

    FFCV's own worker processes would make it wait for ever when a sample raises. Raises what a sample raises, and
    OSError when the file cannot be written completely.
    """
    from rethink.data.ffcv_bridge.runtime import DatasetWriter, IntField, MemoryAllocator, handle_sample

    fields = {"image": image_field, "label": IntField()}
    writer = DatasetWriter(str(path), fields, page_size, num_workers=1)
    writer.num_samples = at_most
    writer.prepare()
    metadata = _private_metadata(writer)
    allocator = MemoryAllocator(str(path), writer.data_region_start, page_size)
    allocator.__enter__()  # not `with`: its exit can wait for ever for a page after an interrupt
    try:
        for index, sample in enumerate(samples):
            handle_sample(sample, index, metadata.dtype.names, metadata, allocator, fields)
        allocator.flush_page()
    finally:
        allocator.fp.close()
    written = len(allocator.allocations)
    writer.header["num_samples"] = written
    writer.finalize(allocator.allocations)
    pages = allocator.offset + allocator.next_page_written.value * page_size
    if path.stat().st_size != pages + written * ALLOCATION_BYTES:  # FFCV ignores short writes
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _private_metadata(writer: Any) -> npt.NDArray[np.void]:
    """Swap the writer's shared memory, which only its workers need and a crash would leave behind, for an array."""
    writer.metadata_sm.close()
    writer.metadata_sm.unlink()
    metadata: npt.NDArray[np.void] = np.zeros(writer.num_samples, writer.metadata_type)
    writer.metadata_sm = SimpleNamespace(buf=metadata.view(np.uint8))
    return metadata
