"""JPEG streams: every view equals FFCV's own decoding and scaling of the drawn box, however it is read."""

import gc
import mmap
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import torch
from ffcv.libffcv import imdecode
from ffcv.libffcv import resize_crop as resize_array
from torchvision.transforms import Normalize, Resize

from benchmarks.page_cache import pages_held
from rethink.corruption.pixels import pixel_corruption
from rethink.data.betons.beton import Beton
from rethink.data.betons.prepare import prepare
from rethink.data.betons.writing.options import Writing
from rethink.data.ffcv_bridge.runtime import PipelineError, Reader
from rethink.data.streams.augmentation import Augmentation, plain_boxes
from rethink.data.streams.beton_stream import BetonStream
from rethink.data.streams.rotation import rotate, turns
from tests.made_jpegs import make_ilsvrc

CPU = torch.device("cpu")
ORDER = np.random.default_rng(0).permutation(24)
RESIZED = Augmentation(None, True, seed=3, epoch=2, resized=True)
MIRRORED = Augmentation(None, True, seed=3, epoch=2)
TURNED = Augmentation(None, True, seed=3, epoch=2, rotation=25.0)
Make = Callable[..., BetonStream]


@pytest.fixture(scope="module")
def beton(tmp_path_factory: pytest.TempPathFactory) -> Beton:
    folder = tmp_path_factory.mktemp("imagenet")
    return prepare("imagenet", make_ilsvrc(folder / "tree"), folder / "cache", writing=Writing(processes=1)).train


@pytest.fixture
def make_stream(beton: Beton) -> Make:
    def make(
        side: int = 224, normalization: str = "unit", read_ahead: bool = False, readers: int = 1, os_cache: bool = True
    ) -> BetonStream:
        stream = BetonStream(beton, read_ahead, readers, os_cache)
        stream.configure(side, stream.true_labels, None, normalization)
        return stream

    return make


@pytest.fixture(autouse=True)
def threads_end() -> Iterator[None]:
    before = set(threading.enumerate())  # other tests' streams may still be open
    yield
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("jpeg"):
            thread.join(5)
            assert not thread.is_alive(), "a reader outlived its stream"


def read(
    stream: BetonStream,
    augmentation: Augmentation | None = None,
    batch_size: int = 7,
    order: npt.NDArray[np.int64] = ORDER,
) -> torch.Tensor:
    """(24, 3, side, side) by sample index."""
    images = torch.cat([b.images.clone() for b in stream.batches(order, batch_size, augmentation)])
    return images[torch.from_numpy(np.argsort(order))]


def grey_levels(images: torch.Tensor) -> npt.NDArray[np.uint8]:
    """(n, H, W, 3) from "unit" images."""
    levels = images.permute(0, 2, 3, 1).numpy() * 127.5 + 127.5
    assert np.abs(levels - levels.round()).max() < 1e-4
    return levels.round().astype(np.uint8)


def decoded_images(beton: Beton) -> list[npt.NDArray[np.uint8]]:
    """All images as FFCV decodes them, whole."""
    reader, content = Reader(str(beton.path)), np.memmap(beton.path, np.uint8, "r")
    images = []
    for field, (_, start, size) in zip(reader.metadata["f0"], reader.alloc_table.tolist(), strict=True):
        height, width = int(field["height"]), int(field["width"])
        pixels = np.empty((height, width, 3), np.uint8)
        whole = (height, width, height, width, 0, 0, 1, 1, False, False)
        assert imdecode(content[start : start + size], pixels, *whole) == 0
        images.append(pixels)
    return images


def sizes_of(images: list[npt.NDArray[np.uint8]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.array([len(image) for image in images]), np.array([image.shape[1] for image in images])


def expected_views(
    beton: Beton, side: int, augmentation: Augmentation | None, view: str = "centre"
) -> npt.NDArray[np.uint8]:
    """(n, side, side, 3): boxes cut out by NumPy, scaled by FFCV, mirrored by NumPy."""
    images = decoded_images(beton)
    sizes, numbers = sizes_of(images), np.arange(len(images))
    boxes = plain_boxes(view, *sizes) if augmentation is None else augmentation.boxes(numbers, *sizes, view)
    views = np.empty((len(images), side, side, 3), np.uint8)
    for image, out, (top, left, height, width, mirrored) in zip(images, views, boxes, strict=True):
        cut = np.ascontiguousarray(image[top : top + height, left : left + width])
        resize_array(cut, 0, height, 0, width, out)
        if mirrored:
            out[:] = out[:, ::-1].copy()
    return views


@pytest.mark.parametrize("side", [224, 299])
@pytest.mark.parametrize("augmentation", [None, RESIZED, MIRRORED], ids=["centre", "resized", "mirrored"])
def test_views_are_ffcvs_scaling_of_their_boxes(
    make_stream: Make, beton: Beton, side: int, augmentation: Augmentation | None
) -> None:
    views = grey_levels(read(make_stream(side), augmentation))
    assert np.array_equal(views, expected_views(beton, side, augmentation))


@pytest.mark.parametrize("augmentation", [None, MIRRORED], ids=["plain", "mirrored"])
def test_the_whole_view_is_all_of_each_image_resized(
    make_stream: Make, beton: Beton, augmentation: Augmentation | None
) -> None:
    """Equal to torchvision's Resize((224, 224)) of the whole image, except for the resampling."""
    stream = make_stream()
    stream.configure(224, stream.true_labels, None, "unit", "whole")
    views = grey_levels(read(stream, augmentation))
    assert np.array_equal(views, expected_views(beton, 224, augmentation, "whole"))
    numbers = np.arange(24)
    mirrored = augmentation.boxes(numbers, numbers + 9, numbers + 9)[:, 4] if augmentation else np.zeros(24)
    for image, view, flip in zip(decoded_images(beton), views, mirrored, strict=True):
        theirs = np.asarray(Resize((224, 224))(PIL.Image.fromarray(image)), np.float64)
        assert np.abs(view - (theirs[:, ::-1] if flip else theirs)).mean() < 3
    stream.configure(224, stream.true_labels, None, "unit")
    assert np.array_equal(grey_levels(read(stream, augmentation)), expected_views(beton, 224, augmentation))


@pytest.mark.parametrize("view", ["centre", "whole"])
def test_the_scaled_and_mirrored_view_is_turned(make_stream: Make, beton: Beton, view: str) -> None:
    upright = expected_views(beton, 224, MIRRORED, view)
    expected = np.empty_like(upright)
    rotate(upright, expected, turns(TURNED.angles(np.arange(24))))
    for readers, batch_size in ((1, 7), (3, 24)):
        stream = make_stream(readers=readers)
        stream.configure(224, stream.true_labels, None, "unit", view)
        assert np.array_equal(grey_levels(read(stream, TURNED, batch_size)), expected)


@pytest.mark.slow
def test_the_centre_is_that_of_ffcvs_own_decoder(make_stream: Make, beton: Beton, tmp_path: Path) -> None:
    code = (  # unpatched, compiled FFCV: nothing of this project is imported
        "import sys, numpy as np\n"
        "from ffcv.fields.rgb_image import CenterCropRGBImageDecoder\n"
        "from ffcv.loader import Loader, OrderOption\n"
        "decoder = CenterCropRGBImageDecoder((224, 224), 224 / 256)\n"
        "pipelines = {'image': [decoder], 'label': None}\n"
        "loader = Loader(sys.argv[1], 24, 1, order=OrderOption.SEQUENTIAL, drop_last=False, pipelines=pipelines)\n"
        "((images,),) = loader\n"
        "np.save(sys.argv[2], images)\n"
    )
    saved = tmp_path / "images.npy"
    subprocess.run([sys.executable, "-c", code, str(beton.path), str(saved)], check=True)
    assert np.array_equal(grey_levels(read(make_stream(224))), np.load(saved))


@pytest.mark.parametrize("augmentation", [None, RESIZED], ids=["centre", "resized"])
def test_how_it_is_read_changes_no_bit(make_stream: Make, augmentation: Augmentation | None) -> None:
    expected = read(make_stream(), augmentation)
    for read_ahead, readers, os_cache in [(True, 1, True), (False, 2, True), (True, 5, True), (False, 3, False)]:
        stream = make_stream(read_ahead=read_ahead, readers=readers, os_cache=os_cache)
        for batch_size, order in [(1, np.arange(24)), (5, np.arange(24)[::-1].copy()), (100, ORDER)]:
            assert torch.equal(read(stream, augmentation, batch_size, order), expected)


def test_normalizations_are_what_torchvision_and_numpy_compute(make_stream: Make, beton: Beton) -> None:
    pixels = torch.from_numpy(expected_views(beton, 224, RESIZED)).permute(0, 3, 1, 2).double()
    expected = {
        "imagenet": Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(pixels / 255),
        "unit": pixels / 127.5 - 1,
        "per_image": (pixels - pixels.mean((1, 2, 3), keepdim=True))
        / pixels.std((1, 2, 3), correction=0, keepdim=True),
    }
    stream = make_stream(readers=2)
    for normalization, images in expected.items():
        stream.configure(224, stream.true_labels, None, normalization)
        torch.testing.assert_close(read(stream, RESIZED), images.float(), rtol=0, atol=2e-6)


def test_labels_and_indices_are_those_of_the_samples(make_stream: Make, beton: Beton) -> None:
    stream = make_stream(readers=2)
    given = (stream.true_labels + 1) % 3
    stream.configure(64, given, None)
    for batch in stream.batches(ORDER, 7):
        assert np.array_equal(batch.labels.numpy(), given[batch.indices])
    assert np.array_equal(stream.true_labels, np.repeat(np.arange(3), 8))


def test_what_jpeg_cannot_have_is_refused(make_stream: Make) -> None:
    stream = make_stream()
    shuffled = pixel_corruption("shuffled_pixels", 0, "train", (28, 28), (0.0,) * 3, (1.0,) * 3)
    with pytest.raises(ValueError, match="shuffled_pixels"):
        stream.configure(224, stream.true_labels, shuffled)
    with pytest.raises(ValueError, match="view of 0"):
        stream.configure(0, stream.true_labels, None)


@pytest.mark.parametrize("os_cache", [True, False], ids=["os_cache", "no os_cache"])
@pytest.mark.parametrize("damage", ["cut off", "zeros", "garbage"])
def test_a_damaged_image_is_named_and_the_others_can_still_be_read(
    make_stream: Make, beton: Beton, damage: str, os_cache: bool
) -> None:
    stream = make_stream(read_ahead=not os_cache, readers=2, os_cache=os_cache)
    expected = read(stream, RESIZED)
    _, start, size = Reader(str(beton.path)).alloc_table[11].tolist()
    with beton.path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        whole = content[start : start + size]
        kept = {"cut off": size // 2, "zeros": 0, "garbage": 0}[damage]
        filling = np.random.default_rng(0).bytes(size - kept) if damage == "garbage" else bytes(size - kept)
        content[start + kept : start + size] = filling
        content.flush()
        try:
            with pytest.raises(PipelineError, match=r"^the image of sample 11 "):
                read(stream, RESIZED)
            others = ORDER[ORDER != 11]
            images = torch.cat([b.images.clone() for b in stream.batches(others, 7, RESIZED)])
            assert torch.equal(images, expected[torch.from_numpy(others)])
        finally:
            content[start : start + size] = whole
            content.flush()


def test_a_stream_has_its_readers_and_no_pass_adds_one(make_stream: Make) -> None:
    def readers() -> int:
        return sum(thread.name.startswith("jpeg") for thread in threading.enumerate())

    before = readers()
    stream = make_stream(readers=3, read_ahead=True)
    for _ in range(5):
        read(stream)
        assert readers() == before + 3
        next(stream.batches(ORDER, 3))  # given up


def test_the_readers_end_with_their_stream_and_wait_for_no_garbage_collection(make_stream: Make) -> None:
    before = set(threading.enumerate())
    gc.disable()
    try:
        stream = make_stream(readers=3)
        read(stream)
        readers = set(threading.enumerate()) - before
        assert len(readers) == 3
        del stream
        for thread in readers:
            thread.join(5)
            assert not thread.is_alive()
    finally:
        gc.enable()


def test_without_os_cache_nothing_of_the_file_stays_in_memory(disk_folder: Path) -> None:
    tree = make_ilsvrc(disk_folder / "tree")
    on_disk = prepare("imagenet", tree, disk_folder / "cache", writing=Writing(processes=1)).train
    stream = BetonStream(on_disk, read_ahead=False, readers=2, os_cache=False)
    assert pages_held(on_disk.path) == 0
    stream.configure(64, stream.true_labels, None)
    read(stream)
    assert pages_held(on_disk.path) == 0
    cached = BetonStream(on_disk, read_ahead=False)
    cached.configure(64, cached.true_labels, None)
    read(cached)
    assert pages_held(on_disk.path) > 0
