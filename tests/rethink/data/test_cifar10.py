"""CIFAR-10 in every form, with 20 + 10 made images in the place of the published ones."""

import hashlib
import io
import os
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rethink.data.sources import ArraySplit, ImageSource
from rethink.data.sources.cifar10 import jpeg_source, published_source
from rethink.data.sources.cifar10.content import CLASS_NAMES, PUBLISHED, Published, PublishedSplit
from rethink.data.sources.contract import registry
from rethink.errors import DataError
from tests.undisturbed import without_times

PYTHON, BINARY = "cifar-10-batches-py", "cifar-10-batches-bin"
Splits = dict[str, ArraySplit]


@pytest.fixture
def images() -> Splits:
    """Distinct images, the classes balanced and mixed."""
    rng = np.random.default_rng(5)
    return {
        split: ArraySplit(rng.integers(0, 256, (10 * n, 32, 32, 3), np.uint8), rng.permutation(np.repeat(range(10), n)))
        for split, n in (("train", 2), ("test", 1))
    }


def sha256(split: ArraySplit) -> str:
    """As the published checksum is defined, by sorting whole lines."""
    lines = [
        (int(label), hashlib.sha256(image.tobytes()).digest(), image.tobytes())
        for image, label in zip(split.images, split.labels, strict=True)
    ]
    return hashlib.sha256(b"".join(bytes([label]) + pixels for label, _, pixels in sorted(lines))).hexdigest()


@pytest.fixture
def published(images: Splits) -> Published:
    return Published(PublishedSplit(2, sha256(images["train"])), PublishedSplit(1, sha256(images["test"])), {})


def batches(images: Splits) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The published names: (n, 3072) planes of red, green and blue, and (n,) labels of each."""
    rows = {name: split.images.transpose(0, 3, 1, 2).reshape(-1, 3072) for name, split in images.items()}
    parts = {f"data_batch_{k + 1}": ("train", slice(4 * k, 4 * k + 4)) for k in range(5)}
    parts["test_batch"] = "test", slice(None)
    return {name: (rows[split][part], images[split].labels[part]) for name, (split, part) in parts.items()}


def write_pickled(folder: Path, images: Splits) -> None:
    (folder / PYTHON).mkdir(parents=True)
    for name, (rows, labels) in batches(images).items():
        (folder / PYTHON / name).write_bytes(pickle.dumps({"data": rows, "labels": labels.tolist()}))


def write_binary(folder: Path, images: Splits) -> None:
    (folder / BINARY).mkdir(parents=True)
    for name, (rows, labels) in batches(images).items():
        content = np.concatenate([labels[:, None].astype(np.uint8), rows], axis=1).tobytes()
        (folder / BINARY / f"{name}.bin").write_bytes(content)


def archive(folder: Path, inner: str, name: str) -> None:
    with tarfile.open(folder / name, "w:gz") as tar:
        tar.add(folder / inner, inner)
    for file in (folder / inner).iterdir():
        file.unlink()
    (folder / inner).rmdir()


def write_pickled_archive(folder: Path, images: Splits) -> None:
    write_pickled(folder, images)
    archive(folder, PYTHON, "cifar-10-python.tar.gz")


def write_binary_archive(folder: Path, images: Splits) -> None:
    write_binary(folder, images)
    archive(folder, BINARY, "cifar-10-binary.tar.gz")


def write_pickles_themselves(folder: Path, images: Splits) -> None:
    write_pickled(folder.parent / "elsewhere", images)
    (folder.parent / "elsewhere" / PYTHON).rename(folder)


def write_class_folders(folder: Path, images: Splits, suffix: str = ".png") -> None:
    for name, split in images.items():
        for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            path = folder / name / CLASS_NAMES[label] / f"{number:02}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)


FORMS = (
    write_pickled,
    write_pickled_archive,
    write_pickles_themselves,
    write_binary,
    write_binary_archive,
    write_class_folders,
)


def with_md5s(published: Published, folder: Path) -> Published:
    """The MD5s of the files that a form has, as if they were the published ones."""
    files = [path for path in folder.rglob("*") if path.name in PUBLISHED.md5s]
    return replace(published, md5s={path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in files})


def opened(folder: Path, published: Published) -> Splits:
    data = published_source(published).open(folder)
    assert data.class_names == CLASS_NAMES
    return {"train": data.train, "test": data.test}


def refusal(action: Callable[[Path | None], object], folder: Path | None) -> str:
    with pytest.raises(DataError) as caught:
        action(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("write", FORMS)
def test_every_form_gives_the_same_samples_in_the_same_order(tmp_path, images, published, write):
    write(tmp_path / "data", images)
    read = opened(tmp_path / "data", with_md5s(published, tmp_path))
    for name, split in images.items():
        pixels = [image.tobytes() for image in split.images]
        order = sorted(range(len(split)), key=lambda i: (split.labels[i], hashlib.sha256(pixels[i]).digest()))
        np.testing.assert_array_equal(read[name].images, split.images[order])
        np.testing.assert_array_equal(read[name].labels, split.labels[order])
        assert read[name].labels.dtype == np.int64


def test_all_forms_share_one_cache(tmp_path, images, published):
    fingerprints = set()
    for write in FORMS:
        write(tmp_path / write.__name__ / "data", images)
        fingerprints.add(published_source(published).fingerprint(tmp_path / write.__name__ / "data"))
    assert fingerprints == {published_source(published).fingerprint(None)}


def test_equal_specs_give_equal_rows_from_two_forms(tmp_path, monkeypatch, images, published):
    """The law that the order is for: the same trial, on the pickles and on the class folders."""
    from rethink.data.betons.prepare import prepare
    from rethink.data.trial_data import StreamPool
    from rethink.spec import TrialSpec
    from rethink.training.loop import Training

    monkeypatch.setattr(registry.SOURCES, "_entries", dict(registry.SOURCES._entries))
    spec = TrialSpec(
        dataset="made", model="mlp_1x512", image_size=28, learning_rate=0.01, label_corruption=0.5, max_epochs=3
    )
    rows = []
    for write in (write_pickled, write_class_folders):
        folder = tmp_path / write.__name__
        write(folder, images)
        source = published_source(with_md5s(published, folder))
        registry.SOURCES._entries["made"] = replace(source, name="made")
        prepared = prepare("made", folder, folder / "cache")
        pool = StreamPool(read_ahead=False)
        training = Training(spec, pool.open(spec, prepared), torch.device("cpu"))
        rows.append([without_times(record.to_dict()) for record in training.records()])
    assert rows[0] == rows[1]
    assert len(rows[0]) == 3


def test_the_md5s_are_torchvisions():
    from torchvision.datasets import CIFAR10

    theirs = [(CIFAR10.filename, CIFAR10.tgz_md5), *CIFAR10.train_list, *CIFAR10.test_list]
    assert set(PUBLISHED.md5s) == {name for name, _ in theirs} | {"cifar-10-binary.tar.gz"}
    assert all(PUBLISHED.md5s[name] == md5 for name, md5 in theirs)
    assert (PUBLISHED.train.images, PUBLISHED.test.images) == (50_000, 10_000)


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch"])
def test_an_altered_pickle_is_never_unpickled(tmp_path, images, published, name):
    write_pickled(tmp_path, images)
    source = published_source(with_md5s(published, tmp_path))
    trap, path = tmp_path / "trap", tmp_path / PYTHON / name
    path.write_bytes(b"cposix\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.")
    assert f"{path} is damaged or another file (MD5 " in refusal(source.open, tmp_path)
    assert not trap.exists()


@pytest.mark.parametrize("write", [write_pickled_archive, write_binary_archive])
def test_an_altered_archive_is_not_unpacked(tmp_path, images, published, write):
    write(tmp_path, images)
    source = published_source(with_md5s(published, tmp_path))
    path = next(tmp_path.glob("*.tar.gz"))
    with path.open("ab") as longer:
        longer.write(b"\0")
    assert f"{path} is damaged or another file (MD5 " in refusal(source.open, tmp_path)


def test_an_archive_of_the_right_md5_without_its_files_is_named(tmp_path, published):
    path = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("cifar-10-batches-bin/readme.html"), io.BytesIO())
    message = refusal(published_source(with_md5s(published, tmp_path)).open, tmp_path)
    assert f"cannot read {path}" in message
    assert "data_batch_1.bin" in message


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
@pytest.mark.parametrize("name", ["data_batch_3.bin", "test_batch.bin"])
def test_only_plain_files_are_opened(tmp_path, images, published, name, make):
    write_binary(tmp_path, images)
    path = tmp_path / BINARY / name
    path.unlink()
    make(path)
    message = refusal(published_source(published).open, tmp_path)
    assert f"cannot read {path}" in message
    assert "not a plain file" in message


@pytest.mark.parametrize(
    ("write", "gone", "said"),
    [
        (write_pickled, f"{PYTHON}/data_batch_2", f"{PYTHON} lacks data_batch_2"),
        (write_binary, f"{BINARY}/test_batch.bin", f"{BINARY} lacks test_batch.bin"),
    ],
)
def test_a_missing_file_is_named_before_anything_is_read(tmp_path, images, published, write, gone, said):
    write(tmp_path, images)
    (tmp_path / gone).unlink()
    source = published_source(published)
    assert said in refusal(source.fingerprint, tmp_path)
    assert said in refusal(source.open, tmp_path)


def test_class_folders_that_are_not_the_ten_are_named(tmp_path, images, published):
    write_class_folders(tmp_path, images)
    source = published_source(published)
    (tmp_path / "train/airplane").rename(tmp_path / "train/plane")
    message = refusal(source.fingerprint, tmp_path)
    assert f"{tmp_path} lacks train/airplane and has train/plane; give train/ and test/ the folders" in message
    (tmp_path / "train/plane").rename(tmp_path / "train/airplane")
    (tmp_path / "test").rename(tmp_path / "val")
    assert f"{tmp_path} lacks test/airplane, test/automobile" in refusal(source.fingerprint, tmp_path)


def test_a_lost_or_doubled_image_is_counted(tmp_path, images, published):
    write_class_folders(tmp_path, images)
    source = published_source(published)
    first = next((tmp_path / "train/cat").iterdir())
    first.with_name("copy.png").write_bytes(first.read_bytes())
    message = refusal(source.open, tmp_path)
    assert f"{tmp_path / 'train'} has 3 cat train images; 2 of each class were published" in message
    next((tmp_path / "train/cat").iterdir()).unlink()
    next((tmp_path / "train/dog").iterdir()).unlink()
    assert "has 1 dog train images; 2 of each class" in refusal(source.open, tmp_path)


@pytest.mark.parametrize("write", [write_binary, write_class_folders])
def test_one_other_pixel_is_refused(tmp_path, images, published, write):
    altered = images["test"].images.copy()
    altered[7, 31, 31, 2] ^= 1
    write(tmp_path, {**images, "test": ArraySplit(altered, images["test"].labels)})
    message = refusal(published_source(published).open, tmp_path)
    assert f"{tmp_path}" in message
    assert "has other pixels or labels than the published 10 test images" in message


def test_two_exchanged_labels_are_refused(tmp_path, images, published):
    labels = images["train"].labels.copy()
    one, other = np.flatnonzero(labels == 3)[0], np.flatnonzero(labels == 5)[0]
    labels[[one, other]] = 5, 3
    write_binary(tmp_path, {**images, "train": ArraySplit(images["train"].images, labels)})
    assert "has other pixels or labels than the published 20 train" in refusal(
        published_source(published).open, tmp_path
    )


def test_a_label_that_is_none_is_named(tmp_path, images, published):
    write_binary(tmp_path, images)
    path = tmp_path / BINARY / "data_batch_1.bin"
    path.write_bytes(bytes([11]) + path.read_bytes()[1:])
    assert "has the label 11; there are 0 to 9" in refusal(published_source(published).open, tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    assert f"{path} is no batch of images" in refusal(published_source(published).open, tmp_path)


def test_an_image_of_another_size_is_named(tmp_path, images, published):
    write_class_folders(tmp_path, images)
    path = next((tmp_path / "test/frog").iterdir())
    Image.fromarray(np.zeros((31, 32, 3), np.uint8)).save(path)
    assert f"{path} has 32 x 31 pixels" in refusal(published_source(published).open, tmp_path)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([], "is empty"),
        (["b", "a"], "holds a, b;"),
        ([*"abcdefg"], "holds a, b, c, d, e and 2 more;"),
        (["train/a/x.png"], "holds train;"),
    ],
)
def test_another_folder_is_refused_with_what_it_holds(tmp_path, published, entries, said):
    for entry in entries:
        (tmp_path / entry).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / entry).touch()
    message = refusal(published_source(published).fingerprint, tmp_path)
    assert f"cifar10: {tmp_path} {said}" in message
    assert "cifar-10-batches-py/ or cifar-10-python.tar.gz, cifar-10-batches-bin/" in message


def test_a_folder_that_is_missing_is_refused(tmp_path, published):
    message = refusal(published_source(published).fingerprint, tmp_path / "nowhere")
    assert f"{tmp_path / 'nowhere'} cannot be listed (No such file or directory)" in message


def read_jpeg(source: ImageSource, folder: Path) -> Splits:
    data = source.open(folder)
    return {"train": data.train, "test": data.test}


def test_jpeg_is_another_data_set(tmp_path, images, published):
    write_class_folders(tmp_path, images, ".jpg")
    message = refusal(published_source(published).fingerprint, tmp_path)
    assert "airplane" in message
    assert "is JPEG, so its pixels are not the published ones; choose cifar10_jpeg" in message
    read = read_jpeg(jpeg_source(published), tmp_path)
    files = sorted(path for path in tmp_path.rglob("*.jpg") if "test" in path.parts)
    decoded = {(CLASS_NAMES.index(path.parent.name), np.asarray(Image.open(path)).tobytes()) for path in files}
    assert decoded == {
        (label, image.tobytes()) for image, label in zip(read["test"].images, read["test"].labels, strict=True)
    }


def test_jpeg_is_read_in_the_order_of_its_content_too(tmp_path, images, published):
    write_class_folders(tmp_path / "a", images, ".jpg")
    read = read_jpeg(jpeg_source(published), tmp_path / "a")
    for number, path in enumerate(sorted((tmp_path / "a").rglob("*.jpg"), key=lambda path: path.name[::-1])):
        path.rename(path.with_name(f"{number:03}.jpg"))
    again = read_jpeg(jpeg_source(published), tmp_path / "a")
    for name in read:
        np.testing.assert_array_equal(read[name].images, again[name].images)
        np.testing.assert_array_equal(read[name].labels, again[name].labels)


def test_jpeg_of_another_number_is_refused(tmp_path, images, published):
    write_class_folders(tmp_path, images, ".jpg")
    source = jpeg_source(published)
    next((tmp_path / "train/ship").iterdir()).unlink()
    assert "has 1 ship train images; 2 of each class" in refusal(source.open, tmp_path)
    assert "does not hold train/CLASS/" in refusal(source.fingerprint, tmp_path / "train")
    assert "cifar10_jpeg needs a data directory" in refusal(source.fingerprint, None)
