"""Writes a data set as an FFCV file, without FFCV's worker processes."""

import errno
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from rethink.data.sources.checked_split import CheckedSplit

ALLOCATION_BYTES = 24  # an entry of the allocation table; every sample has one, its image
MIN_PAGE = 2**21  # FFCV's least page size, bytes
IMAGES_PER_PAGE = 8  # at least: an image never lies across two pages, so this bounds the loss to 1/8


def write_samples(path: Path, samples: CheckedSplit) -> None:
    """Write one FFCV file in this process: uncompressed images and labels, sample i in place i.

    FFCV's own worker processes leave it waiting for ever when a sample raises. Raises what a sample raises, and OSError
    when the file cannot be written whole.
    """
    from rethink.ffcv_runtime import DatasetWriter, IntField, MemoryAllocator, RGBImageField, handle_sample

    page_size = max(MIN_PAGE, 1 << (IMAGES_PER_PAGE * math.prod(samples.shape) - 1).bit_length())
    fields = {"image": RGBImageField(write_mode="raw"), "label": IntField()}
    writer = DatasetWriter(str(path), fields, page_size, num_workers=1)
    writer.num_samples = len(samples)
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
    writer.finalize(allocator.allocations)
    pages = allocator.offset + allocator.next_page_written.value * page_size
    if path.stat().st_size != pages + len(samples) * ALLOCATION_BYTES:  # FFCV ignores short writes
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _private_metadata(writer: Any) -> npt.NDArray[np.void]:
    """Swap the writer's shared memory, which only its workers need and a crash would leave behind, for an array."""
    writer.metadata_sm.close()
    writer.metadata_sm.unlink()
    metadata: npt.NDArray[np.void] = np.zeros(writer.num_samples, writer.metadata_type)
    writer.metadata_sm = SimpleNamespace(buf=metadata.view(np.uint8))
    return metadata
