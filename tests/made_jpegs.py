"""A made ILSVRC tree: real JPEG files of many sizes from the embedded Fashion-MNIST images, each tinted."""

import argparse
import csv
import functools
import os
from pathlib import Path

import numpy as np
import PIL.Image

from rethink.data import sources

# Width x height of image i is SIZES[i % 8]: half of them are above 500, ImageNet's usual longest side here.
SIZES = ((500, 375), (700, 467), (375, 500), (120, 160), (640, 360), (299, 299), (333, 600), (512, 512))
ODD = ("grey", "CMYK", "PNG")  # kinds of the first images of the first class, all named .JPEG


def wnid(class_index: int) -> str:
    """WNIDs from n01440764 on, in the order of the classes."""
    return f"n{1440764 + 7919 * class_index:08d}"


def made_image(label: int, number: int, split: str = "train", size: tuple[int, int] | None = None) -> PIL.Image.Image:
    """The `number`-th embedded image of a class (of ten), enlarged to `size` (width, height) and tinted: RGB."""
    images = _embedded(split)[label % 10]
    grey = PIL.Image.fromarray(images[number % len(images)]).resize(size or SIZES[number % len(SIZES)])
    tint = np.random.default_rng([label, number, split == "train"]).uniform(0.3, 1, 3)
    return PIL.Image.fromarray((np.asarray(grey)[..., None] * tint).astype(np.uint8))


def make_ilsvrc(
    root: Path,
    classes: int = 3,
    train_per_class: int = 8,
    val_per_class: int = 4,
    flat_val: bool = False,
    ground_truth: str = "devkit",
    odd: bool = True,
) -> Path:
    """Writes train/WNID/*.JPEG and val/WNID/*.JPEG, or a flat val/*.JPEG and its ground truth; returns `root`.

    `ground_truth` of a flat val: "devkit" or "kaggle". `odd`: the first three training images are grey, CMYK and a
    PNG in disguise; all others are plain JPEG.
    """
    for label in range(classes):
        for number in range(train_per_class):
            kind = ODD[number] if odd and label == 0 and number < len(ODD) else "RGB"
            path = root / "train" / wnid(label) / f"{wnid(label)}_{number + 1}.JPEG"
            save(made_image(label, number), path, kind)
    labels = np.random.default_rng(classes).permutation(np.repeat(np.arange(classes), val_per_class)).tolist()
    for number, label in enumerate(labels):
        folder = root / "val" if flat_val else root / "val" / wnid(label)
        save(made_image(label, number, "test"), folder / f"ILSVRC2012_val_{number + 1:08d}.JPEG")
    if flat_val:
        {"devkit": write_devkit, "kaggle": write_kaggle}[ground_truth](root, labels, classes)
    return root


def save(image: PIL.Image.Image, path: Path, kind: str = "RGB") -> None:
    """`kind`: RGB, grey or CMYK (JPEG files), or PNG, whatever the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = {"grey": "L", "CMYK": "CMYK"}.get(kind, "RGB")
    image.convert(mode).save(path, "PNG" if kind == "PNG" else "JPEG", **({} if kind == "PNG" else {"quality": 85}))


def write_devkit(root: Path, labels: list[int], classes: int) -> None:
    """The devkit's data folder: ground truth by ILSVRC2012_ID, which numbers the classes in another order."""
    import scipy.io

    folder = root / "ILSVRC2012_devkit_t12" / "data"
    folder.mkdir(parents=True)
    kinds = [("ILSVRC2012_ID", "f8"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "f8")]
    rows = [(classes - label, wnid(label), f"word {label}, other", "gloss", 0) for label in reversed(range(classes))]
    inner = (classes + 1, "n00001740", "entity", "an inner node", classes)
    scipy.io.savemat(folder / "meta.mat", {"synsets": np.array([*rows, inner], kinds).reshape(-1, 1)})
    text = "".join(f"{classes - label}\n" for label in labels)
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text(text)


def write_kaggle(root: Path, labels: list[int], classes: int) -> None:
    """Kaggle's LOC_val_solution.csv, whose rows are not sorted."""
    rows = [(f"ILSVRC2012_val_{number + 1:08d}", f"{wnid(label)} 1 2 30 40 ") for number, label in enumerate(labels)]
    with (root / "LOC_val_solution.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("ImageId", "PredictionString"), *reversed(rows)])


def truncate(path: Path) -> Path:
    """Cut an image file in the middle."""
    os.truncate(path, path.stat().st_size // 2)
    return path


def make_garbage(path: Path) -> Path:
    """Write bytes that are not an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no image" * 1000)
    return path


@functools.cache
def _embedded(split: str) -> list[np.ndarray]:
    """The (n, 28, 28) uint8 images of each class."""
    part = getattr(sources.get("fashion_mnist_mini").open(None), split)
    return [part.images[part.labels == label] for label in range(10)]


def main() -> None:
    """`python -m tests.made_jpegs DIR`: what the default of sweeps/imagenet_regularization.py is run on."""
    parser = argparse.ArgumentParser(prog="python -m tests.made_jpegs", description=__doc__)
    parser.add_argument("folder", type=Path, help="where train/ and val/ are written")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--train-per-class", type=int, default=20)
    parser.add_argument("--val-per-class", type=int, default=20)
    arguments = parser.parse_args()
    print(make_ilsvrc(arguments.folder, arguments.classes, arguments.train_per_class, arguments.val_per_class))


if __name__ == "__main__":
    main()
