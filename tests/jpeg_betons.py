"""JPEG betons as FFCV itself writes them, from images in memory."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rethink.data.beton import Beton
from rethink.data.beton_writer import _private_metadata
from rethink.ffcv_runtime import DatasetWriter, IntField, MemoryAllocator, RGBImageField, handle_sample


def write_jpegs(path: Path, images: Sequence[npt.NDArray[np.uint8]], labels: Sequence[int], quality: int = 90) -> Beton:
    """Images (H, W, 3) of any size, encoded by FFCV, sample i in place i."""
    fields = {"image": RGBImageField(write_mode="jpg", jpeg_quality=quality), "label": IntField()}
    writer = DatasetWriter(str(path), fields, 2**21, num_workers=1)
    writer.num_samples = len(images)
    writer.prepare()
    metadata = _private_metadata(writer)
    allocator = MemoryAllocator(str(path), writer.data_region_start, 2**21)
    with allocator:
        for index, sample in enumerate(zip(images, labels, strict=True)):
            handle_sample(sample, index, metadata.dtype.names, metadata, allocator, fields)
    writer.finalize(allocator.allocations)
    return describe(path, images, labels)


def describe(path: Path, images: Sequence[npt.NDArray[np.uint8]], labels: Sequence[int]) -> Beton:
    """What a sidecar would say of the file as it is now."""
    content = path.read_bytes()
    return Beton(
        path=path,
        samples=len(images),
        height=max(image.shape[0] for image in images),
        width=max(image.shape[1] for image in images),
        channels=3,
        class_names=tuple(str(label) for label in range(max(labels) + 1)),
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
        content_sha256="",
        file_size=len(content),
        checksum=hashlib.blake2b(content).hexdigest(),
        jpeg=True,
    )
