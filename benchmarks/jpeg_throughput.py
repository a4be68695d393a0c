"""How many ImageNet-like images a second does the JPEG beton give, beside torchvision's ImageFolder and DataLoader?

The same made JPEG files, the same cores, the same kind of batches: float32 (n, 3, side, side), normalized. Training:
random resized crop and flip; evaluation: centre crop. The product reads the beton with as many readers as there are
cores, the DataLoader reads the files with as many workers. Epochs of both in turn in one process, the files in the page
cache, the workers started before.

Originals that the beton's form (by default: longest side 500) does not scale down are kept byte for byte. Then both
decode the very same bytes with libjpeg-turbo, and three quarters of the product's time is that: the parts, below, show
how far the ratio could go if all else were free.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.utils.data
from PIL import Image
from torchvision import transforms
from torchvision.datasets import ImageFolder

from benchmarks.made_imagenet import LARGE_SIZES, USUAL_SIZES, make_tree
from benchmarks.measurement import Goal, Measurement, main
from rethink.data.betons.beton import Beton
from rethink.data.betons.prepare import prepare
from rethink.data.ffcv_bridge.c_functions import decode_jpeg, resize_crop
from rethink.data.ffcv_bridge.runtime import Reader
from rethink.data.sources import JpegForm
from rethink.data.streams.augmentation import Augmentation
from rethink.data.streams.beton_stream import BetonStream
from rethink.data.streams.normalization import normalize
from rethink.training.epoch_pass import epoch_order

CORES, BATCH, PAIRS = len(os.sched_getaffinity(0)), 64, 7
USUAL, LARGE = 640, 256  # images
FORM = JpegForm(max_side=500, quality=90)  # the default
CPU = torch.device("cpu")
NORMALIZE = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def measure(quick: bool) -> list[Measurement]:
    torch.set_num_threads(1)
    pairs, share = (2, 10) if quick else (PAIRS, 1)
    with tempfile.TemporaryDirectory() as folder:
        usual = make_tree(Path(folder, "usual"), USUAL // share, USUAL_SIZES)
        large = make_tree(Path(folder, "large"), LARGE // share, LARGE_SIZES)
        measurements = []
        for originals, tree, form, sides in (
            ("usual originals", usual, FORM, (299, 224)),
            ("twice as large originals", large, FORM, (299,)),
            ("usual originals kept at 400 pixels", usual, JpegForm(400, 90), (299,)),
        ):
            beton = prepare("imagenet", tree, Path(folder, "cache"), form).train
            stream = BetonStream(beton, read_ahead=False, readers=CORES)
            for side in sides:
                stream.configure(side, stream.true_labels, None, "imagenet")
                for training in (True, False):
                    what = f"{originals}, {'training' if training else 'evaluation'}, {side} pixels"
                    measurements += _compare(what, stream, tree / "train", side, training, pairs)
            if originals == "usual originals":
                measurements += _parts(beton, tree / "train")
        return measurements


def _compare(what: str, stream: BetonStream, files: Path, side: int, training: bool, pairs: int) -> list[Measurement]:
    loader = _data_loader(files, side, training)

    def ours(epoch: int) -> Iterable[Any]:
        augmentation = Augmentation(None, True, 0, epoch, resized=True) if training else None
        return stream.batches(epoch_order(np.arange(stream.beton.samples), 0, epoch), BATCH, augmentation)

    _seconds(ours(0)), _seconds(loader)  # kernels and workers are ready
    seconds = [(_seconds(ours(epoch)), _seconds(loader)) for epoch in range(1, pairs + 1)]
    samples, size = stream.beton.samples, sum(path.stat().st_size for path in files.rglob("*.JPEG"))
    return [
        Measurement(
            what=f"{what}: images a second of the product over those of ImageFolder and DataLoader",
            unit="times",
            samples=[theirs / own for own, theirs in seconds],
            goal=Goal("at least", 4.0),
            note=f"{samples} images of {size // samples:,} bytes; batches of {BATCH}; {CORES} readers or workers",
        ),
        Measurement(what=f"{what}: product", unit="images/s", samples=[samples / own for own, _ in seconds]),
        Measurement(what=f"{what}: DataLoader", unit="images/s", samples=[samples / theirs for _, theirs in seconds]),
    ]


def _data_loader(files: Path, side: int, training: bool) -> "torch.utils.data.DataLoader[Any]":
    if training:
        views = [transforms.RandomResizedCrop(side), transforms.RandomHorizontalFlip()]
    else:
        views = [transforms.Resize(round(side * 256 / 224)), transforms.CenterCrop(side)]
    dataset = ImageFolder(str(files), transforms.Compose([*views, transforms.ToTensor(), NORMALIZE]))
    return torch.utils.data.DataLoader(dataset, BATCH, shuffle=training, num_workers=CORES, persistent_workers=True)


def _seconds(batches: Iterable[Any]) -> float:
    started = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - started


def _parts(beton: Beton, files: Path) -> list[Measurement]:
    """Where the time goes: each part of training at 299 pixels alone, on one core, over all images."""
    reader, content = Reader(str(beton.path)), np.memmap(beton.path, np.uint8, "r")
    heights, widths = (reader.metadata["f0"][name].astype(np.int64) for name in ("height", "width"))
    boxes = Augmentation(None, False, 0, 1, resized=True).boxes(np.arange(beton.samples), heights, widths)
    frame, view = np.zeros((beton.height, beton.width, 3), np.uint8), np.zeros((1, 299, 299, 3), np.uint8)
    out, paths = np.zeros(view.shape, np.float32), list(files.rglob("*.JPEG"))
    at, frame_at, view_at = content.ctypes.data, frame.ctypes.data, view.ctypes.data

    def decode(i: int, denominator: int = 1) -> None:
        _, start, length = reader.alloc_table[i].tolist()
        whole = (int(heights[i]), int(widths[i]))
        decode_jpeg(at + start, length, *whole, frame_at, *whole, 0, 0, 1, denominator, False, False)

    def scale(i: int) -> None:
        top, left, height, width, _ = boxes[i].tolist()
        box = (top, top + height, left, left + width)
        resize_crop(0, frame_at, int(heights[i]), int(widths[i]), *box, view_at, 299, 299)

    return [
        _part("FFCV's decoding", decode, beton.samples),
        _part("FFCV's decoding at 1/8: nearly nothing but Huffman decoding", lambda i: decode(i, 8), beton.samples),
        _part("scaling a random box", scale, beton.samples),
        _part("normalization", lambda _: normalize("imagenet", view, out, 1), beton.samples),
        _part("PIL's decoding, as ImageFolder's", lambda i: Image.open(paths[i]).convert("RGB"), len(paths)),
    ]


def _part(what: str, work: Callable[[int], Any], images: int) -> Measurement:
    work(0)
    milliseconds = []
    for _ in range(5):
        started = time.perf_counter()
        for i in range(images):
            work(i)
        milliseconds.append(1000 * (time.perf_counter() - started) / images)
    return Measurement(what=f"{what}, one core", unit="ms/image", samples=milliseconds)


if __name__ == "__main__":
    main(measure)
