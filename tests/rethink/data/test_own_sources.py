"""A user's own data sets: one that breaks the contract of an ImageSource is refused in one line that names it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rethink.data import sources
from rethink.data.betons.prepare import prepare
from rethink.data.sources import ArraySplit, DataError, FileSplit, ImageData, ImageSource, JpegForm
from rethink.data.sources.contract import registry
from rethink.errors import RethinkError, SpecError
from rethink.sweep.recipes import complete

LABELS = np.arange(6) % 2
SPLIT = ArraySplit(np.zeros((6, 8, 8), np.uint8), LABELS)
NAMES = ("cat", "dog")


class Samples:
    """A split whose samples are made by a function of their index."""

    def __init__(self, sample: Callable[[int], Any]) -> None:
        self._sample = sample

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        return self._sample(index)


def raising(error: BaseException) -> Any:
    raise error


def data(sample: Callable[[int], Any]) -> ImageData:
    return ImageData(Samples(sample), SPLIT, NAMES)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Registers an own data set for this test: opening it returns `delivered`."""
    monkeypatch.setattr(registry.SOURCES, "_entries", dict(registry.SOURCES._entries))

    def register(delivered: Any = None, **fields: Any) -> None:
        usual = {"open": lambda data_dir: delivered, "fingerprint": lambda data_dir: "1", "image_size": 8}
        sources.register(ImageSource(**{"name": "own", **usual, **fields}))

    return register


IMAGE = np.zeros((8, 8, 3), np.uint8)
DELIVERED: dict[str, tuple[Any, str]] = {
    "none": (None, "open returned None, not an ImageData"),
    "a tuple": ((SPLIT, SPLIT, NAMES), r"open returned \(ArraySplit.*, not an ImageData"),
    "a class": (ImageData, "open returned <class .*, not an ImageData"),
    "no split": (ImageData(5, SPLIT, NAMES), "train = 5 is not allowed: a FileSplit, or samples by index"),
    "no test split": (ImageData(SPLIT, None, NAMES), "test = None is not allowed"),
    "names none": (ImageData(SPLIT, SPLIT, None), "class_names = None is not allowed: a tuple of texts"),
    "names a text": (ImageData(SPLIT, SPLIT, "ab"), "class_names = 'ab' is not allowed: a tuple of texts"),
    "names numbers": (ImageData(SPLIT, SPLIT, (0, 1)), r"class_names = \(0, 1\) is not allowed: a tuple of texts"),
    "a name empty": (ImageData(SPLIT, SPLIT, ("cat", "")), r"class_names = \('cat', ''\) is not allowed"),
    "no class": (ImageData(SPLIT, SPLIT, ()), "has no class: there is nothing to learn"),
    "one class": (ImageData(SPLIT, SPLIT, ("cat",)), "has one class alone: there is nothing to learn"),
    "a name in colour": (ImageData(SPLIT, SPLIT, ("cat", "\x1b[31mdog")), r"class name '\\x1b\[31mdog' is not allowed"),
    "a name of two lines": (ImageData(SPLIT, SPLIT, ("cat", "dog\u2028")), r"class name 'dog\\u2028' is not allowed"),
    "one name twice": (ImageData(SPLIT, SPLIT, ("cat", "dog", "cat")), "two classes have the name 'cat'"),
    "a path a text": (ImageData(FileSplit(("a.jpg",), (0,)), SPLIT, NAMES), "train has the path 'a.jpg'"),
    "a label a text": (ImageData(FileSplit((Path("a"),), ("0",)), SPLIT, NAMES), "train has the label '0'"),
}
SAMPLES: dict[str, tuple[Callable[[int], Any], str]] = {
    "raises": (lambda i: raising(KeyError("boom")), r"reading image 0 raised KeyError: 'boom' \(test_own_sources"),
    "raises late": (
        lambda i: (IMAGE, 0) if i < 3 else raising(OSError("boom")),
        "reading image 3 raised OSError: boom",
    ),
    "an image alone": (lambda i: IMAGE, r"sample 0 is array\(.*; give \(image, label\)"),
    "float": (lambda i: (IMAGE / 255, 0), r"image 0 is float64 \(8, 8, 3\); give a uint8 array"),
    "int64": (lambda i: (IMAGE.astype(int), 0), "image 0 is int64"),
    "grey": (lambda i: (IMAGE[:, :, 0], 0), r"image 0 is uint8 \(8, 8\); give"),
    "lists": (lambda i: (IMAGE.tolist(), 0), "image 0 is list; give a uint8 array"),
    "sizes": (lambda i: (np.zeros((8 + i, 8, 3), np.uint8), 0), r"image 1 has shape \(9, 8, 3\), image 0 \(8, 8, 3\)"),
    "label beyond": (lambda i: (IMAGE, i), "label 2 of image 2 is not from 0 to 1"),
    "label negative": (lambda i: (IMAGE, -i), "label -1 of image 1 is not from 0 to 1"),
    "label a text": (lambda i: (IMAGE, "cat"), "label 'cat' of image 0 is not from 0 to 1"),
    "label a float": (lambda i: (IMAGE, 0.0), "label 0.0 of image 0 is not from 0 to 1"),
}


@pytest.mark.parametrize("fault", DELIVERED)
def test_what_open_delivers_is_an_image_data_of_named_classes(
    own: Callable[..., None], fault: str, tmp_path: Path
) -> None:
    delivered, said = DELIVERED[fault]
    own(delivered)
    with pytest.raises(DataError, match=rf"\Adata set 'own':? .*{said}[^\n]*\Z"):
        prepare("own", None, tmp_path)


@pytest.mark.parametrize("fault", SAMPLES)
def test_samples_are_checked_one_by_one(own: Callable[..., None], fault: str, tmp_path: Path) -> None:
    sample, said = SAMPLES[fault]
    own(data(sample))
    with pytest.raises(RethinkError, match=rf"\Aown train: {said}[^\n]*\Z"):
        prepare("own", None, tmp_path)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"open": lambda: None}, r"open\(data_dir\) raised TypeError: .*takes 0 positional arguments but 1 was given"),
        ({"open": lambda d: raising(SystemExit(0))}, r"open\(data_dir\) raised SystemExit: 0 \(test_own_sources"),
        ({"open": lambda d: raising(OSError("gone"))}, r"open\(data_dir\) raised OSError: gone \(test_own_sources"),
        ({"fingerprint": lambda d: None}, "fingerprint returned None, not a text"),
        ({"fingerprint": lambda d: 1}, "fingerprint returned 1, not a text"),
        ({"fingerprint": lambda d: raising(KeyError("a"))}, r"fingerprint\(data_dir\) raised KeyError: 'a' \(test_own"),
    ],
)
def test_what_its_functions_raise_is_said_with_their_line(
    own: Callable[..., None], fields: dict[str, Any], said: str, tmp_path: Path
) -> None:
    own(**fields)
    with pytest.raises(RethinkError, match=rf"\Adata set 'own': {said}[^\n]*\Z"):
        prepare("own", None, tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("open", 5),
        ("fingerprint", "version 1"),
        ("image_size", 0),
        ("image_size", "16"),
        ("image_size", 16.0),
        ("crop_padding", -1),
        ("crop_padding", "4"),
        ("jpeg", True),
        ("jpeg", {"max_side": 8}),
    ],
)
def test_a_field_of_the_wrong_form_is_refused_at_the_first_look_up(
    own: Callable[..., None], field: str, value: Any
) -> None:
    own(**{field: value})
    with pytest.raises(SpecError, match=f"^data set 'own': {field} = .* is not allowed: "):
        complete({"dataset": "own", "model": "mlp_1x512"})


@pytest.mark.parametrize("name", ["a/b", "", "..", None, 5])
def test_a_name_that_no_folder_can_have_is_refused(own: Callable[..., None], name: Any) -> None:
    with pytest.raises(SpecError, match=r"^data set name .* is not allowed: up to 64 letters"):
        own(name=name)
    with pytest.raises(SpecError, match="is not a data set: register takes an ImageSource"):
        sources.register(name)


@pytest.mark.parametrize(("max_side", "quality"), [("8", 90), (8.5, 90), (1, 90), (8, "90"), (8, 0), (8, None)])
def test_a_jpeg_form_is_of_whole_numbers(max_side: Any, quality: Any) -> None:
    with pytest.raises(SpecError, match=r"^(max_side|jpeg_quality) = .* is not allowed: from"):
        JpegForm(max_side, quality)


@pytest.mark.parametrize(("images", "labels"), [([[0]], LABELS), (SPLIT.images, [0, 1])])
def test_an_array_split_is_of_arrays(images: Any, labels: Any) -> None:
    with pytest.raises(DataError, match=r"^(images|labels) are list; give a NumPy array$"):
        ArraySplit(images, labels)


def test_a_good_one_is_prepared_with_its_names_in_a_list_too(own: Callable[..., None], tmp_path: Path) -> None:
    own(ImageData(Samples(lambda i: (IMAGE, LABELS[i])), SPLIT, list(NAMES)))
    assert prepare("own", None, tmp_path) == prepare("own", None, tmp_path)
    assert prepare("own", None, tmp_path).class_names == NAMES
