"""Photograph-like JPEG files in an ILSVRC tree: the embedded Fashion-MNIST images enlarged, tinted and grained."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from rethink.data import sources
from rethink.data.sources import FileSplit

# Width x height: what most of ImageNet's 1.28 million images have, 110,000 bytes each on average.
USUAL_SIZES = ((500, 375), (500, 375), (500, 333), (375, 500), (500, 400), (500, 375), (333, 500), (400, 400))
LARGE_SIZES = tuple((2 * width, 2 * height) for width, height in USUAL_SIZES)
QUALITY, GRAIN = 90, 28  # chosen to give as many bytes as ImageNet's images have
CLASSES = 8


def make_tree(root: Path, images: int, sizes: tuple[tuple[int, int], ...]) -> Path:
    """Writes train/WNID/*.JPEG, `images` in all, and one val image a class; returns `root`."""
    random = np.random.default_rng(0)
    embedded = sources.get("fashion_mnist_mini").open(None).train
    assert not isinstance(embedded, FileSplit)
    grain = random.normal(0, GRAIN, (2048, 2048)).astype(np.float32)
    for number in range(images + CLASSES):
        split, label = ("train" if number < images else "val"), number % CLASSES
        folder = root / split / f"n{label:08d}"
        folder.mkdir(parents=True, exist_ok=True)
        picture = _picture(embedded[number][0], sizes[number // CLASSES % len(sizes)], grain, random)
        PIL.Image.fromarray(picture).save(folder / f"{number:06d}.JPEG", quality=QUALITY)
    return root


def repeat(tree: Path, times: int) -> None:
    """Give every training image `times` names in all: many samples, without the time to make them."""
    for path in list((tree / "train").rglob("*.JPEG")):
        for number in range(1, times):
            path.with_name(f"{path.stem}_{number}.JPEG").hardlink_to(path)


def _picture(
    image: npt.NDArray[np.uint8], size: tuple[int, int], grain: npt.NDArray[np.float32], random: np.random.Generator
) -> npt.NDArray[np.uint8]:
    width, height = size
    enlarged = np.asarray(PIL.Image.fromarray(image).resize(size, PIL.Image.Resampling.BICUBIC), np.float32)
    top, left = random.integers(0, (2048 - height, 2048 - width))
    tinted = 40 + enlarged * random.uniform(0.3, 0.8, 3).astype(np.float32)
    picture: npt.NDArray[np.uint8] = np.clip(
        tinted + grain[top : top + height, left : left + width, None], 0, 255
    ).astype(np.uint8)
    return picture
