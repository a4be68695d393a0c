"""Trees of image files: every file is read in torchvision's order, refused, or named in a warning."""

import contextlib
import os
import socket
import stat
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from torchvision.datasets import ImageFolder
from torchvision.datasets.folder import IMG_EXTENSIONS

from rethink.data import sources
from rethink.data.betons.prepare import file_names, prepare
from rethink.data.betons.stored_samples import StoredPixels, stored_labels
from rethink.data.betons.writing.options import Writing
from rethink.data.contradictions import best_train_accuracy
from rethink.data.sources import DataError, ImageData
from rethink.data.sources.trees.file_names import SUFFIXES
from rethink.data.sources.trees.image_files import FORMATS
from rethink.spec import TrialSpec
from tests.made_jpegs import made_image, save, wnid

TEST_FOLDER = {"image_folder": "test", "imagenet": "val"}
SOURCES = tuple(TEST_FOLDER)
RNG = np.random.default_rng(11)
LOSSY = (".avif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo")


def picture() -> PIL.Image.Image:
    return PIL.Image.fromarray(RNG.integers(0, 256, (8, 8, 3), np.uint8))


def put(path: Path, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture().save(path, **options)
    return path


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tree(tmp_path: Path, source: str) -> Path:
    """Two classes of two PNG files, 8 × 8 pixels, in both splits."""
    for split in ("train", TEST_FOLDER[source]):
        for name in ("cat", "dog"):
            for number in range(2):
                put(tmp_path / "tree" / split / name / f"{number}.png")
    return tmp_path / "tree"


def opened(source: str, tree: Path) -> ImageData:
    return sources.get(source).open(tree)


def names(source: str, tree: Path) -> list[str]:
    return [str(path.relative_to(tree / "train")) for path in opened(source, tree).train.paths]


def written(source: str, tree: Path, skip_broken: bool = False):
    return prepare(source, tree, tree.parent / "cache", None, Writing(processes=1, skip_broken=skip_broken))


def refusal(action: Callable[..., object], *args: object) -> str:
    with pytest.raises(DataError) as caught:
        action(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_only_formats_that_pillow_itself_opens_are_listed() -> None:
    PIL.Image.init()
    assert set(FORMATS) <= set(PIL.Image.OPEN)
    known = PIL.Image.registered_extensions()
    assert {known[suffix] for suffix in SUFFIXES} - {"MPO"} <= set(FORMATS)
    assert set(IMG_EXTENSIONS) < set(SUFFIXES)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_of_every_suffix_is_read(source: str, tree: Path, suffix: str) -> None:
    image = picture().convert("L").convert("1") if suffix == ".pbm" else picture()
    image = image.convert("L") if suffix == ".pgm" else image
    options = {"lossless": True} if suffix == ".webp" else {}
    image = image.quantize(64) if suffix == ".gif" else image
    for name in (f"x{suffix}", f"y{suffix.upper()}"):
        image.save(tree / "train/cat" / name, **options)
    assert names(source, tree)[2:4] == [f"cat/x{suffix}", f"cat/y{suffix.upper()}"]
    data = written(source, tree)
    assert stored_labels(data.train).tolist() == [0, 0, 0, 0, 1, 1]
    if source == "image_folder":
        ours, theirs = StoredPixels(data.train).read(np.array([2]))[0], np.asarray(image.convert("RGB"))
        if suffix in LOSSY:
            assert np.abs(ours.astype(int) - theirs).mean() < 60
        else:
            np.testing.assert_array_equal(ours, theirs)


def test_a_photo_takes_part_whatever_its_suffix(tmp_path: Path) -> None:
    """A former fault: half of the images were left out silently."""
    tree = tmp_path / "tree"
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            for number, suffix in enumerate((".png", ".tif", ".tiff", ".webp", ".jfif", ".gif", ".ppm", ".bmp")):
                put(tree / split / name / f"{number}{suffix}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert written("image_folder", tree).train.samples == 16


def test_the_order_is_torchvisions(source: str, tree: Path) -> None:
    below = (
        "b.jpg",
        "a/z.png",
        "a/a.png",
        "a-b/c.png",
        "a/b/c.JPG",
        "ab/1.bmp",
        "Z/1.png",
        "images/1.png",
        "~.png",
        "ä/1.png",
    )
    for name in ("cat", "dog"):
        for path in below:
            put(tree / "train" / name / path)
    put(tree.parent / "elsewhere/deep/1.png")
    (tree / "train/dog/linked").symlink_to(tree.parent / "elsewhere")
    data, theirs = opened(source, tree), ImageFolder(str(tree / "train"))
    assert [
        (str(path), label) for path, label in zip(data.train.paths, data.train.labels, strict=True)
    ] == theirs.samples
    assert len(theirs) == 2 * (2 + len(below)) + 1


def test_images_one_folder_below_their_class_are_read(source: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for split in ("train", TEST_FOLDER[source]):
        for label in range(2):
            put(tree / split / wnid(label) / "images" / f"{wnid(label)}_0.JPEG")
    assert names(source, tree) == [f"{wnid(label)}/images/{wnid(label)}_0.JPEG" for label in range(2)]
    assert stored_labels(written(source, tree).train).tolist() == [0, 1]


def make_tiny_imagenet(tree: Path) -> Path:
    """Tiny ImageNet's form: wnids, boxes in every class folder, a flat val with its annotations, a test without."""
    for label in range(3):
        for number in range(2):
            put(tree / "train" / wnid(label) / "images" / f"{wnid(label)}_{number}.JPEG")
        (tree / "train" / wnid(label) / f"{wnid(label)}_boxes.txt").write_text("boxes")
    lines = []
    for number, label in enumerate((2, 0, 1, 0)):
        put(tree / "val/images" / f"val_{number}.JPEG")
        lines.append(f"val_{number}.JPEG\t{wnid(label)}\t0\t32\t44\t62\n")
    put(tree / "test/images/test_0.JPEG")
    (tree / "val/val_annotations.txt").write_text("".join(reversed(lines)))
    return tree


def test_tiny_imagenet_is_read(tmp_path: Path) -> None:
    tree = make_tiny_imagenet(tmp_path / "tree")
    with pytest.warns(UserWarning, match=r"3 files are not read .*: train/n01440764/n01440764_boxes.txt, "):
        data = opened("imagenet", tree)
    assert data.train.labels == (0, 0, 1, 1, 2, 2)
    assert [path.name for path in data.test.paths] == [f"val_{number}.JPEG" for number in range(4)]
    assert data.test.labels == (2, 0, 1, 0)
    annotations, fingerprint = tree / "val/val_annotations.txt", sources.get("imagenet").fingerprint
    before = fingerprint(tree)
    os.utime(annotations, ns=(1, 1))
    assert fingerprint(tree) != before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("val_0.JPEG\n" * 4, "is not Tiny ImageNet's"),
        ("val_0.JPEG\tn1\t0\t0\t0\t0\n", "has 1 labels, but"),
        ("val_9.JPEG\tn1\t0\n" * 4, "has no row for"),
        ("".join(f"val_{n}.JPEG\tn1\t0\n" for n in range(4)), "is of class n1, which"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*not read")
def test_annotations_that_do_not_fit_are_one_line(tmp_path: Path, text: str, told: str) -> None:
    tree = make_tiny_imagenet(tmp_path / "tree")
    (tree / "val/val_annotations.txt").write_text(text)
    assert told in refusal(opened, "imagenet", tree)


def test_what_is_left_out_is_counted_and_named(source: str, tree: Path) -> None:
    before = names(source, tree)
    for name in ("\x1b[31m", "deep/er/x.npy", "list", "~.psd", "b.eps", "c.pdf"):
        path = tree / "train/cat" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("no image")
    put(tree / "train/beside.png")
    (tree / TEST_FOLDER[source] / "dog/notes.txt").write_text("no image")
    with pytest.warns(UserWarning, match="not read") as caught:
        assert names(source, tree) == before
    (message,) = (str(warning.message) for warning in caught)
    assert f"{tree}: 8 files are not read" in message
    assert all(part in message for part in ("train/beside.png", r"train/cat/\x1b[31m", "and 3 more"))
    assert message.isprintable()


def test_what_no_one_misses_is_left_out_without_a_word(
    source: str, tree: Path, recwarn: pytest.WarningsRecorder
) -> None:
    before = names(source, tree)
    for name in (
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        "Desktop.ini",
        ".hidden.png",
        "__MACOSX/._1.png",
        ".git/x.png",
    ):
        for folder in ("train", "train/cat"):
            path = tree / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("no image")
    assert names(source, tree) == before
    assert not recwarn.list


def test_a_class_folder_without_an_image_at_any_depth_is_refused(source: str, tree: Path) -> None:
    (tree / "train/fox/images/deep").mkdir(parents=True)
    assert f"{tree / 'train/fox'} holds no images" in refusal(opened, source, tree)


@pytest.mark.parametrize("target", [".", "..", "../.."])
def test_a_link_that_leads_back_is_one_line(source: str, tree: Path, target: str) -> None:
    link = tree / "train/cat/back"
    link.symlink_to(target)
    message = refusal(opened, source, tree)
    assert str(link) in message
    assert "is a link to a folder that it lies in" in message


def test_a_link_to_itself_is_one_line(source: str, tree: Path) -> None:
    link = tree / "train/cat/self"
    link.symlink_to("self")
    assert f"cannot read {link}" in refusal(opened, source, tree)


def test_the_fingerprint_covers_what_lies_below(source: str, tree: Path) -> None:
    fingerprint = sources.get(source).fingerprint
    seen = [fingerprint(tree)]
    deep = put(tree / "train/cat/images/deep/1.tif")
    seen.append(fingerprint(tree))
    os.utime(deep, ns=(1, 1))
    seen.append(fingerprint(tree))
    deep.rename(deep.with_name("2.tif"))
    seen.append(fingerprint(tree))
    (tree / "train/cat/images/deep").rename(tree / "train/cat/images/deeper")
    seen.append(fingerprint(tree))
    assert len(set(seen)) == len(seen)


def socket_at(path: Path) -> None:
    held = socket.socket(socket.AF_UNIX)
    short = os.open(path.parent, os.O_RDONLY)  # a socket's path must be short
    held.bind(f"/proc/self/fd/{short}/{path.name}")
    os.close(short)
    held.close()


NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "a pipe"),
    "a link to a pipe": (lambda path: (os.mkfifo(path.parent / ".pipe"), path.symlink_to(".pipe")), "a pipe"),
    "an endless device": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "an empty device": (lambda path: path.symlink_to("/dev/null"), "a device"),
    "a folder": (Path.mkdir, "a folder"),
    "a socket": (socket_at, "a socket"),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_plain_file_is_refused_without_being_opened(source: str, tree: Path, kind: str) -> None:
    make, told = NO_FILES[kind]
    path = tree / "train/dog/x.png"
    make(path)
    message = refusal(written, source, tree)
    assert str(path) in message
    assert told in message


@pytest.mark.parametrize("source", ["imagenet"], indirect=True)
@pytest.mark.parametrize("kind", NO_FILES)
def test_where_broken_images_are_skipped_it_is_counted(tree: Path, source: str, kind: str) -> None:
    NO_FILES[kind][0](tree / "train/dog/x.png")
    with pytest.warns(UserWarning, match=r"1 of 5 images are broken and were left out: train/dog/x.png"):
        data = written(source, tree, skip_broken=True)
    assert (data.train.samples, data.train.skipped) == (4, ("train/dog/x.png",))
    assert file_names(data.train) == ["train/cat/0.png", "train/cat/1.png", "train/dog/0.png", "train/dog/1.png"]


def test_a_link_to_a_plain_file_is_read(source: str, tree: Path) -> None:
    (tree / "train/dog/linked.png").symlink_to(put(tree.parent / "elsewhere.png"))
    assert written(source, tree).train.samples == 5


def test_file_names_that_are_no_utf8_are_read(source: str, tree: Path) -> None:
    odd = os.fsdecode(b"\xff\xfe.png")
    (tree / "train/dog/1.png").rename(tree / "train/dog" / odd)
    folder = tree / "train/cat" / os.fsdecode(b"\xe4")
    folder.mkdir()
    (tree / "train/cat/1.png").rename(folder / "1.png")
    data = written(source, tree)
    expected = ["train/cat/0.png", f"train/cat/{folder.name}/1.png", "train/dog/0.png", f"train/dog/{odd}"]
    assert file_names(data.train) == expected
    assert written(source, tree) == data


def test_a_broken_image_whose_name_is_no_utf8_is_named(source: str, tree: Path) -> None:
    (tree / "train/dog" / os.fsdecode(b"\xff.png")).write_bytes(b"no image")
    message = refusal(written, source, tree)
    assert r"train/dog/\xff.png" in message
    message.encode()
    if source == "imagenet":
        with pytest.warns(UserWarning, match="1 of 5 images"):
            data = written(source, tree, skip_broken=True)
        assert data.train.skipped == (r"train/dog/\xff.png",)
        assert written(source, tree, skip_broken=True) == data


@pytest.mark.parametrize("name", [b"d\xff", b"d\x1b[31m", b"d\n", b" "])
def test_class_names_that_no_table_can_show_are_refused(source: str, tree: Path, name: bytes) -> None:
    for split in ("train", TEST_FOLDER[source]):
        (tree / split / "dog").rename(tree / split / os.fsdecode(name))
    message = refusal(written, source, tree)
    assert ascii(os.fsdecode(name)) in message
    message.encode()


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".webp", ".avif"])
def test_several_frames_are_refused(source: str, tree: Path, suffix: str) -> None:
    path = tree / f"train/dog/x{suffix}"
    picture().save(path, save_all=True, append_images=[picture(), picture()])
    message = refusal(written, source, tree)
    assert str(path) in message
    assert "3 frames instead of one" in message


@pytest.mark.parametrize("suffix", [".png", ".mpo"])
def test_a_format_that_says_which_frame_is_the_image_is_read(source: str, tree: Path, suffix: str) -> None:
    first = picture()
    first.save(tree / f"train/dog/x{suffix}", save_all=True, append_images=[picture()])
    assert written(source, tree).train.samples == 5
    if (source, suffix) == ("image_folder", ".png"):
        read = StoredPixels(written(source, tree).train).read(np.array([4]))
        np.testing.assert_array_equal(read[0], np.asarray(first))


def test_no_other_program_is_run_for_a_file_that_claims_to_be_an_image(
    source: str, tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program, ran = tmp_path / "bin/gs", tmp_path / "ran"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    postscript = put(tmp_path / "x.eps")
    with contextlib.suppress(OSError), PIL.Image.open(postscript) as image:
        image.load()
    assert ran.exists()  # as Pillow does by itself
    ran.unlink()
    (tree / "train/dog/x.png").write_bytes(postscript.read_bytes())
    assert "x.png" in refusal(written, source, tree)
    assert not ran.exists()


def test_image_files_are_listed_by_sample(source: str, tree: Path) -> None:
    data = written(source, tree)
    for beton, split in ((data.train, "train"), (data.test, TEST_FOLDER[source])):
        assert file_names(beton) == [f"{split}/{name}/{number}.png" for name in ("cat", "dog") for number in (0, 1)]


LIST_DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "another": lambda path: path.write_bytes(b"x"),
    "cut": lambda path: os.truncate(path, 20),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("kind", LIST_DAMAGE)
def test_a_damaged_list_is_told_and_written_anew(source: str, tree: Path, kind: str) -> None:
    data = written(source, tree)
    LIST_DAMAGE[kind](data.train.files)
    assert str(data.train.files) in refusal(file_names, data.train)
    assert written(source, tree) == data
    assert file_names(data.train) is not None


def test_equal_files_of_two_classes_contradict_each_other(source: str, tree: Path) -> None:
    (tree / "train/dog/1.png").write_bytes((tree / "train/cat/0.png").read_bytes())
    form = {"max_side": 500, "jpeg_quality": 90} if source == "imagenet" else {}
    spec = TrialSpec(dataset=source, image_size=8, model="mlp_1x512", learning_rate=0.1, **form)
    assert best_train_accuracy(spec, written(source, tree)) == 3 / 4


def test_a_jpeg_in_disguise_is_kept_as_it_is(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for split in ("train", "val"):
        for label in range(2):
            save(made_image(label, 1), tree / split / wnid(label) / "x.tif")
    assert written("imagenet", tree).train.samples == 2
