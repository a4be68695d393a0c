import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rethink.data import sources
from rethink.data.sources import DataError, FileSplit, ImageData, JpegForm
from tests.made_jpegs import make_garbage, make_ilsvrc, wnid

DEVKIT = "ILSVRC2012_devkit_t12/data"
TRUTH = "ILSVRC2012_validation_ground_truth.txt"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    """The same images as three trees: val/WNID, and flat with either ground truth."""
    root = tmp_path_factory.mktemp("ilsvrc")
    few = {"classes": 3, "train_per_class": 2, "val_per_class": 4, "odd": False}
    return {
        "nested": make_ilsvrc(root / "nested", **few),
        "devkit": make_ilsvrc(root / "devkit", **few, flat_val=True),
        "kaggle": make_ilsvrc(root / "kaggle", **few, flat_val=True, ground_truth="kaggle"),
    }


@pytest.fixture
def tree(made, tmp_path) -> Callable[[str], Path]:
    """A copy of one of them to spoil."""
    return lambda kind: Path(shutil.copytree(made[kind], tmp_path / kind))


def opened(root: Path | None) -> ImageData:
    return sources.get("imagenet").open(root)


def fingerprint(root: Path | None) -> str:
    return sources.get("imagenet").fingerprint(root)


def classes_by_name(data: ImageData, split: FileSplit) -> dict[str, str]:
    return {path.name: data.class_names[label] for path, label in zip(split.paths, split.labels, strict=True)}


def refusal(action, *args) -> str:
    with pytest.raises(DataError) as caught:
        action(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_usual_form_and_crop():
    source = sources.get("imagenet")
    assert (source.image_size, source.crop_padding, source.jpeg) == (299, None, JpegForm(max_side=500, quality=90))


def test_every_image_has_the_class_of_its_folder(made):
    data = opened(made["nested"])
    assert data.class_names == tuple(sorted(wnid(label) for label in range(3)))
    for split, folder in ((data.train, "train"), (data.test, "val")):
        files = sorted((made["nested"] / folder).rglob("*.JPEG"))
        assert list(split.paths) == files
        assert [data.class_names[label] for label in split.labels] == [path.parent.name for path in files]


@pytest.mark.parametrize("kind", ["devkit", "kaggle"])
def test_a_flat_val_has_the_classes_of_the_sorted_one(made, kind):
    nested, flat = opened(made["nested"]), opened(made[kind])
    assert len(set(flat.test.labels)) == 3
    assert classes_by_name(flat, flat.test) == classes_by_name(nested, nested.test)
    assert list(flat.test.paths) == sorted(flat.test.paths)


@pytest.mark.parametrize("folder", ["", "data"])
def test_the_devkits_files_may_lie_nearer(tree, made, folder):
    root = tree("devkit")
    (root / folder).mkdir(exist_ok=True)
    for name in (TRUTH, "meta.mat"):
        (root / DEVKIT / name).rename(root / folder / name)
    assert opened(root).test.labels == opened(made["devkit"]).test.labels


def test_suffixes_in_any_case_and_nothing_else(tree, made):
    root = tree("nested")
    folder = root / "train" / wnid(0)
    for old, suffix in zip(sorted(folder.iterdir()), (".jpg", ".PNG"), strict=True):
        old.rename(old.with_suffix(suffix))
    for name in (".hidden.JPEG", "Thumbs.db"):
        (folder / name).write_text("no image")
    (root / "train" / ".git").mkdir()
    assert [path.suffix for path in opened(root).train.paths[:3]] == [".jpg", ".PNG", ".JPEG"]
    assert opened(root).train.labels == opened(made["nested"]).train.labels


def first_val(root: Path) -> Path:
    return min((root / "val").glob("*.JPEG"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


BAD = {
    "no train": ("nested", lambda root: shutil.rmtree(root / "train"), "train is missing; imagenet reads train/WNID"),
    "no val": ("nested", lambda root: shutil.rmtree(root / "val"), "val is missing; imagenet reads train/WNID"),
    "empty train": (
        "nested",
        lambda root: [shutil.rmtree(folder) for folder in (root / "train").iterdir()],
        "train holds no class folders",
    ),
    "empty class": ("nested", lambda root: (root / "train/n09999999").mkdir(), "n09999999 holds no images"),
    "empty val class": (
        "nested",
        lambda root: [path.unlink() for path in (root / "val" / wnid(1)).iterdir()],
        f"val/{wnid(1)} holds no images",
    ),
    "val class that train lacks": (
        "nested",
        lambda root: make_garbage(root / "val/n09999999/a.JPEG"),
        "val/n09999999 is a class that",
    ),
    "both": ("nested", lambda root: make_garbage(root / "val/a.JPEG"), "holds images as well as folders"),
    "no truth": ("devkit", lambda root: shutil.rmtree(root / DEVKIT), "holds no ground truth"),
    "no meta": ("devkit", lambda root: (root / DEVKIT / "meta.mat").unlink(), "meta.mat is missing"),
    "other meta": ("devkit", lambda root: make_garbage(root / DEVKIT / "meta.mat"), "holds no readable synsets"),
    "one image less": ("devkit", lambda root: first_val(root).unlink(), "has 12 labels, but"),
    "another image": (
        "devkit",
        lambda root: first_val(root).rename(first_val(root).with_name("ILSVRC2012_val_00000077.JPEG")),
        "is image 1 in order",
    ),
    "unknown number": (
        "devkit",
        lambda root: (root / DEVKIT / TRUTH).write_text("9\n" * 12),
        "line 1 of",
    ),
    "no number": ("devkit", lambda root: (root / DEVKIT / TRUTH).write_text("x\n" * 12), "is 'x', which"),
    "inner node": ("devkit", lambda root: (root / DEVKIT / TRUTH).write_text("4\n" * 12), "is of class n00001740"),
    "one image more": (
        "kaggle",
        lambda root: shutil.copy(first_val(root), root / "val/ILSVRC2012_val_00000013.JPEG"),
        "has 12 labels, but",
    ),
    "another name": (
        "kaggle",
        lambda root: first_val(root).rename(root / "val/ILSVRC2012_val_00000077.JPEG"),
        "has no row for",
    ),
    "unknown WNID": (
        "kaggle",
        lambda root: edit(root / "LOC_val_solution.csv", wnid(1), "n09999999"),
        "is of class n09999999, which",
    ),
    "an endless field": (
        "kaggle",
        lambda root: (root / "LOC_val_solution.csv").write_text('a,b\n"' + "x" * 200_000),
        "cannot read",
    ),
    "other csv": (
        "kaggle",
        lambda root: (root / "LOC_val_solution.csv").write_text("a\nb\n"),
        "LOC_val_solution.csv is not Kaggle's",
    ),
}


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
@pytest.mark.parametrize(
    ("kind", "name"),
    [("devkit", f"{DEVKIT}/{TRUTH}"), ("devkit", f"{DEVKIT}/meta.mat"), ("kaggle", "LOC_val_solution.csv")],
)
def test_ground_truth_is_read_from_plain_files_alone(tree, kind, name, make):
    path = tree(kind) / name
    path.unlink()
    make(path)
    message = refusal(opened, path.parents[name.count("/")])
    assert str(path) in message
    assert "not a plain file" in message


@pytest.mark.parametrize("case", BAD)
def test_a_bad_tree_is_one_line(tree, case):
    kind, spoil, told = BAD[case]
    root = tree(kind)
    opened(root)
    spoil(root)
    assert told in refusal(opened, root)


def test_a_data_directory_is_needed():
    assert "imagenet needs a data directory" in refusal(opened, None)
    assert "imagenet needs a data directory" in refusal(fingerprint, None)


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


CHANGES = {
    "nested": [
        lambda root: touch(root / "train" / wnid(2) / f"{wnid(2)}_2.JPEG"),
        lambda root: make_garbage(root / "train" / wnid(0) / "new.JPEG"),
        lambda root: next((root / "val" / wnid(1)).iterdir()).unlink(),
        lambda root: (root / "val" / wnid(1)).rename(root / "val" / "n99"),
    ],
    "devkit": [
        lambda root: touch(root / DEVKIT / TRUTH),
        lambda root: touch(root / DEVKIT / "meta.mat"),
        lambda root: touch(first_val(root)),
    ],
    "kaggle": [lambda root: touch(root / "LOC_val_solution.csv")],
}


@pytest.mark.parametrize(
    ("kind", "number"), [(kind, n) for kind, changes in CHANGES.items() for n in range(len(changes))]
)
def test_the_fingerprint_tells_every_change(tree, kind, number):
    root = tree(kind)
    before = fingerprint(root)
    assert fingerprint(root) == before
    CHANGES[kind][number](root)
    assert fingerprint(root) != before


def test_the_fingerprint_goes_with_the_tree(made, tmp_path):
    moved = shutil.copytree(made["devkit"], tmp_path / "elsewhere")  # with its times
    assert fingerprint(Path(moved)) == fingerprint(made["devkit"])


def test_a_link_to_nowhere_is_one_line(tree):
    link = tree("nested") / "train" / wnid(1) / "x.JPEG"
    link.symlink_to("nowhere")
    assert f"cannot read {link} (No such file" in refusal(fingerprint, link.parents[2])
