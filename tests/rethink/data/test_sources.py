import gzip
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from rethink.data import sources
from rethink.data.betons.writing.raw_samples import CheckedSplit
from rethink.data.sources import ArraySplit, DataError, ImageData, ImageSource
from rethink.data.sources.contract import registry
from rethink.data.sources.idx import IdxFile
from rethink.errors import RethinkError
from rethink.spec import shown

BUILT_IN = ("cifar10", "cifar10_jpeg", "fashion_mnist", "fashion_mnist_mini", "image_folder", "imagenet")


def refusal(action, *args) -> str:
    with pytest.raises(RethinkError) as caught:
        action(*args)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_built_in_sources_and_their_usual_crop():
    assert set(BUILT_IN) <= set(sources.names())
    sizes = {name: sources.get(name).image_size for name in BUILT_IN}
    assert sizes == {
        "cifar10": 28,
        "cifar10_jpeg": 28,
        "fashion_mnist": 28,
        "fashion_mnist_mini": 28,
        "image_folder": None,
        "imagenet": 299,
    }


def test_unknown_name_lists_the_choices():
    message = refusal(sources.get, "mnist")
    assert "'mnist'" in message
    assert all(name in message for name in BUILT_IN)


@pytest.mark.parametrize("name", ["cifar10", "../escape", "", "a b", "x" * 65])
def test_taken_and_unfit_names_are_refused(name):
    assert shown(name) in refusal(sources.register, ImageSource(name, lambda _: None, lambda _: "", 28))


def test_an_own_source_is_a_few_lines(monkeypatch):
    monkeypatch.setattr(registry.SOURCES, "_entries", dict(registry.SOURCES._entries))
    split = ArraySplit(np.zeros((4, 8, 8), np.uint8), np.arange(4))
    sources.register(ImageSource("own", lambda _: ImageData(split, split, ("a", "b", "c", "d")), lambda _: "1", 8))
    image, label = sources.get("own").open(None).train[3]
    assert (image.shape, image.dtype, label) == ((8, 8, 3), np.uint8, 3)


def test_importing_the_sources_is_cheap():
    heavy = "'torch', 'torchvision', 'PIL', 'ffcv'"
    code = f"import sys, rethink.data.sources; print([m for m in ({heavy}) if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 4, 4), np.float32), np.zeros(2, np.int64)),
        (np.zeros((2, 4), np.uint8), np.zeros(2, np.int64)),
        (np.zeros((2, 4, 4, 1), np.uint8), np.zeros(2, np.int64)),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(2, np.uint8)),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(3, np.int64)),
    ],
)
def test_array_split_refuses_what_is_no_image_set(images, labels):
    refusal(ArraySplit, images, labels)


def test_checked_split_sums_up_like_numpy():
    images = np.random.default_rng(1).integers(0, 256, (50, 5, 7, 3), np.uint8)
    samples = CheckedSplit(ArraySplit(images, np.arange(50) % 4), 4, "x")
    read = [image for image, _ in samples]
    np.testing.assert_array_equal(read, images)
    np.testing.assert_allclose(samples.mean, images.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(samples.std, images.std((0, 1, 2)), rtol=1e-12)


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        (("no array", 0), "image 2 is str"),
        ((np.zeros((4, 4, 3), np.float64), 0), "image 2 is float64"),
        ((np.zeros((4, 4), np.uint8), 0), "image 2 is uint8 (4, 4)"),
        ((np.zeros((4, 5, 3), np.uint8), 0), "image 2 has shape (4, 5, 3)"),
        ((np.zeros((4, 4, 3), np.uint8), 10), "label 10 of image 2"),
        ((np.zeros((4, 4, 3), np.uint8), -1), "label -1 of image 2"),
        ((np.zeros((4, 4, 3), np.uint8), 1.5), "label 1.5 of image 2"),
    ],
)
def test_checked_split_names_the_sample_that_does_not_fit(sample, told):
    good = (np.zeros((4, 4, 3), np.uint8), 9)
    assert told in refusal(list, CheckedSplit([good, good, sample], 10, "x"))


def test_checked_split_refuses_an_empty_one():
    assert "own train is empty" in refusal(CheckedSplit, [], 10, "own train")


# Debian's files, read without our code.
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def debian(kind: str, shape: tuple[int, ...], header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress((DEBIAN / f"{kind}-ubyte.gz").read_bytes())[header:], np.uint8).reshape(shape)


@pytest.fixture(scope="module")
def published() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {
        "train": (debian("train-images-idx3", (60000, 28, 28), 16), debian("train-labels-idx1", (60000,), 8)),
        "test": (debian("t10k-images-idx3", (10000, 28, 28), 16), debian("t10k-labels-idx1", (10000,), 8)),
    }


@pytest.fixture(scope="module")
def mini() -> ImageData:
    return sources.get("fashion_mnist_mini").open(None)


def test_mini_is_what_its_script_makes(mini):
    import io

    from rethink.data.embedded import make_fashion_mnist_mini
    from rethink.data.sources.fashion_mnist_mini import embedded_bytes

    made = make_fashion_mnist_mini.make()
    assert made == make_fashion_mnist_mini.make()
    # Arrays, not bytes: another zlib may compress differently.
    rebuilt, embedded = np.load(io.BytesIO(made)), np.load(io.BytesIO(embedded_bytes()))
    assert sorted(rebuilt) == sorted(embedded) == ["test_images", "test_labels", "train_images", "train_labels"]
    for key in rebuilt:
        np.testing.assert_array_equal(rebuilt[key], embedded[key])
    np.testing.assert_array_equal(embedded["train_images"], mini.train.images)
    assert len(embedded_bytes()) <= 4_000_000


@pytest.mark.parametrize(("split", "per_class"), [("train", 500), ("test", 100)])
def test_every_mini_sample_stands_in_debians_files(mini, published, split, per_class):
    ours, (images, labels) = getattr(mini, split), published[split]
    theirs: dict[tuple[bytes, int], int] = {}
    for image, label in zip(images, labels, strict=True):
        key = (image.tobytes(), int(label))
        theirs[key] = theirs.get(key, 0) + 1
    for image, label in zip(ours.images, ours.labels, strict=True):
        theirs[image.tobytes(), int(label)] -= 1
    assert min(theirs.values()) == 0  # each drawn at most as often as it occurs
    assert np.bincount(ours.labels).tolist() == [per_class] * 10


def test_the_first_mini_images_are_a_mixture(mini):
    for start in range(0, 5000, 100):
        assert np.bincount(mini.train.labels[start : start + 100], minlength=10).tolist() == [10] * 10
    assert not (np.diff(mini.train.labels[:1000].reshape(-1, 10), axis=0) == 0).all(1).any()  # no cycle is repeated


def test_the_licence_comes_along():
    import importlib.resources

    notice = (importlib.resources.files("rethink.data.embedded") / "LICENSE.fashion-mnist").read_text()
    assert "Zalando SE" in notice
    assert "WITHOUT WARRANTY OF ANY KIND" in notice


@pytest.mark.slow
def test_fashion_mnist_is_the_published_one(published):
    data = sources.get("fashion_mnist").open(None)
    for split in ("train", "test"):
        np.testing.assert_array_equal(getattr(data, split).images, published[split][0])
        np.testing.assert_array_equal(getattr(data, split).labels, published[split][1])
    image, label = data.test[9]
    np.testing.assert_array_equal(image, np.stack([published["test"][0][9]] * 3, axis=2))
    assert label == published["test"][1][9]


def test_the_content_md5s_are_those_of_the_official_archives():
    """Debian rezipped the files; with the official name and time stamp in the header, torchvision's MD5s come out."""
    import hashlib

    from torchvision.datasets import FashionMNIST

    from rethink.data.sources.fashion_mnist import CLASS_NAMES, FILES

    assert list(CLASS_NAMES) == FashionMNIST.classes
    stamps = {"train": 1504176606, "t10k": 1504176627}
    for name, md5 in FashionMNIST.resources:
        plain, debian_gz = name.removesuffix(".gz"), (DEBIAN / name).read_bytes()
        stamp = stamps[name.split("-")[0]].to_bytes(4, "little")
        official = b"\x1f\x8b\x08\x08" + stamp + b"\0\3" + plain.encode() + b"\0" + debian_gz[10:]
        assert hashlib.md5(official).hexdigest() == md5
        ours = next(file.md5 for file in FILES.values() if file.name == plain)
        assert hashlib.md5(gzip.decompress(official)).hexdigest() == ours


@pytest.mark.parametrize(("layout", "zipped"), [("", True), ("FashionMNIST/raw", False)])
def test_fashion_mnist_from_a_data_directory(tmp_path, monkeypatch, layout, zipped):
    monkeypatch.setattr("rethink.data.sources.fashion_mnist.DEBIAN_FOLDER", tmp_path / "none")
    folder = tmp_path / layout
    folder.mkdir(parents=True, exist_ok=True)
    for file in DEBIAN.glob("*.gz"):
        if zipped:
            (folder / file.name).symlink_to(file)
        else:
            (folder / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    data = sources.get("fashion_mnist").open(tmp_path)
    assert (len(data.train), len(data.test), len(data.class_names)) == (60000, 10000, 10)


@pytest.mark.slow
def test_fashion_mnist_damage_is_named(tmp_path):
    for file in DEBIAN.glob("*.gz"):
        (tmp_path / file.name).symlink_to(file)
    labels = tmp_path / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(labels.read_bytes()))
    labels.unlink()
    fashion_mnist = sources.get("fashion_mnist")
    assert "holds no t10k-labels-idx1-ubyte[.gz]" in refusal(fashion_mnist.open, tmp_path)
    content[500] ^= 1
    labels.write_bytes(gzip.compress(bytes(content)))
    assert f"{labels} is damaged or another data set" in refusal(fashion_mnist.open, tmp_path)
    labels.write_bytes(gzip.compress(bytes(content))[:-20])
    assert f"cannot read {labels}" in refusal(fashion_mnist.open, tmp_path)
    labels.write_bytes(b"not gzip")
    assert f"cannot read {labels}" in refusal(fashion_mnist.open, tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_fashion_mnist_opens_plain_files_alone(tmp_path, make):
    for file in DEBIAN.glob("*.gz"):
        (tmp_path / file.name).symlink_to(file)
    images = tmp_path / "train-images-idx3-ubyte"
    make(images)
    message = refusal(sources.get("fashion_mnist").open, tmp_path)
    assert f"cannot read {images}" in message
    assert "not a plain file" in message


def test_a_few_bytes_that_unzip_to_many_are_not_unzipped_whole(tmp_path):
    bomb = tmp_path / "x-ubyte.gz"
    bomb.write_bytes(gzip.compress(b"\0" * 50_000_000))
    tracemalloc.start()
    try:
        assert f"{bomb} is damaged or another data set" in refusal(IdxFile("x-ubyte", (9,), "ab").read, bomb)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000  # bytes, the most at any time
    finally:
        tracemalloc.stop()


@pytest.fixture
def no_network(tmp_path, monkeypatch):
    """A closed port on this machine takes the place of the servers; the cache is empty."""
    from torchvision.datasets import CIFAR10, FashionMNIST

    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache"))
    monkeypatch.setattr(CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("rethink.data.sources.fashion_mnist.DEBIAN_FOLDER", tmp_path / "none")


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
def test_without_data_and_network_one_line_says_what_to_do(no_network, capfd, name):
    message = refusal(sources.get(name).open, None)
    assert f"{name} could not be downloaded" in message
    assert "give a data directory" in message
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def tree(tmp_path) -> Path:
    """train/{cat,dog} and test/{cat,dog} of 6 × 4 pixels, in every file format and several modes."""
    from PIL import Image

    pixels = np.random.default_rng(2).integers(0, 256, (4, 6, 3), np.uint8)
    for split in ("train", "test"):
        for name in ("dog", "cat"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.fromarray(pixels).save(tmp_path / split / name / "b.png")
            Image.fromarray(pixels).save(tmp_path / split / name / "a.BMP")
    cat = tmp_path / "train" / "cat"
    Image.fromarray(pixels[:, :, 0]).save(cat / "grey.png")
    Image.fromarray(pixels).quantize(24).save(cat / "palette.png")
    Image.fromarray(np.dstack([pixels, pixels[:, :, 0]])).save(cat / "rgba.png")
    Image.fromarray(pixels).save(cat / "photo.jpg", quality=100, subsampling=0)
    (cat / ".hidden.png").write_text("no image")
    (tmp_path / "train" / ".hidden").mkdir()
    return tmp_path


def test_image_folder_reads_every_kind_as_rgb_in_sorted_order(tree):
    from PIL import Image

    data = sources.get("image_folder").open(tree)
    assert data.class_names == ("cat", "dog")
    names = [str(path.relative_to(tree / "train")) for path in data.train.paths]
    cats = ["a.BMP", "b.png", "grey.png", "palette.png", "photo.jpg", "rgba.png"]
    assert names == [f"cat/{name}" for name in cats] + ["dog/a.BMP", "dog/b.png"]
    read = [data.train[i] for i in range(len(data.train))]
    assert [label for _, label in read] == [0] * 6 + [1] * 2
    by_name = dict(zip(names, (image for image, _ in read), strict=True))
    pixels = np.asarray(Image.open(tree / "train/dog/b.png"))
    assert all(image.dtype == np.uint8 and image.shape == (4, 6, 3) for image in by_name.values())
    for name in ("cat/a.BMP", "cat/b.png", "cat/rgba.png", "cat/palette.png"):  # 24 colours hold 24 pixels
        np.testing.assert_array_equal(by_name[name], pixels)
    np.testing.assert_array_equal(by_name["cat/grey.png"], pixels[:, :, :1].repeat(3, axis=2))


def test_image_folder_fingerprint_follows_the_files(tree):
    import os

    fingerprint = sources.get("image_folder").fingerprint
    seen = {fingerprint(tree)}
    assert fingerprint(tree) in seen
    file = tree / "test" / "dog" / "b.png"
    os.utime(file, ns=(1, 1))
    seen.add(fingerprint(tree))
    file.rename(file.with_name("c.png"))
    seen.add(fingerprint(tree))
    file.with_name("c.png").rename(tree / "test" / "cat" / "c.png")
    seen.add(fingerprint(tree))
    with file.with_name("a.BMP").open("ab") as longer:
        longer.write(b"\0")
    os.utime(file.with_name("a.BMP"), ns=(1, 1))
    seen.add(fingerprint(tree))
    assert len(seen) == 5


def read_all(tree: Path) -> None:
    data = sources.get("image_folder").open(tree)
    for split in (data.train, data.test):
        for index in range(len(split)):
            split[index]


def test_image_folder_names_the_odd_one_out(tree):
    from PIL import Image

    Image.new("RGB", (7, 4)).save(tree / "test" / "dog" / "b.png")
    message = refusal(read_all, tree)
    assert f"{tree / 'test/dog/b.png'} has 7 x 4 pixels" in message
    assert "has 6 x 4" in message


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: b"garbage", lambda c: c[: len(c) // 2]])
def test_image_folder_names_an_unreadable_image(tree, damage):
    file = tree / "train" / "dog" / "b.png"
    file.write_bytes(damage(file.read_bytes()))
    assert f"cannot read image {file}" in refusal(read_all, tree)


def test_image_folder_refuses_more_than_eight_bits(tree):
    from PIL import Image

    file = tree / "train" / "dog" / "b.png"
    Image.fromarray(np.full((4, 6), 40000, np.uint16)).save(file)
    assert f"cannot read image {file} (PIL mode I;16" in refusal(read_all, tree)


def test_image_folder_says_what_a_tree_lacks(tree):
    import shutil

    opened = sources.get("image_folder").open
    assert "needs a data directory" in refusal(opened, None)
    assert "needs a data directory" in refusal(sources.get("image_folder").fingerprint, None)
    (tree / "test" / "horse").mkdir()
    assert f"{tree / 'test/horse'} is a class that" in refusal(opened, tree)
    (tree / "train" / "horse").mkdir()
    assert f"{tree / 'train/horse'} holds no images" in refusal(opened, tree)
    shutil.rmtree(tree / "test")
    assert f"{tree / 'test'} is missing" in refusal(opened, tree)
    (tree / "test").mkdir()
    assert f"{tree / 'test'} holds no class folders" in refusal(opened, tree)


def test_errors_are_of_one_kind():
    assert issubclass(DataError, RethinkError)
