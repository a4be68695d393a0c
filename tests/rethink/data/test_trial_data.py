"""TrialData: streams as the spec says; a data set that cannot give them is refused in one line."""

from typing import Any

import numpy as np
import pytest
import torch

from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import prepare
from rethink.data.betons.writing.options import Writing
from rethink.data.spec_checks import check_fits
from rethink.data.streams.augmentation import Augmentation
from rethink.data.streams.beton_stream import BetonStream
from rethink.data.trial_data import StreamPool
from rethink.errors import SpecError
from rethink.spec import TrialSpec
from tests.made_jpegs import make_ilsvrc

CPU = torch.device("cpu")
JPEG = {"dataset": "imagenet", "image_size": 224, "max_side": 500, "jpeg_quality": 90}
RAW = {"dataset": "fashion_mnist_mini", "image_size": 28}


@pytest.fixture(scope="module")
def jpegs(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("imagenet")
    return prepare("imagenet", make_ilsvrc(folder / "tree"), folder / "cache", writing=Writing(processes=1))


def make(**fields: Any) -> TrialSpec:
    return TrialSpec(**{"model": "alexnet", "learning_rate": 0.01, **fields})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({**JPEG, "image_size": 501}, ("image_size = 501", "500")),
        ({**JPEG, "pixel_corruption": "gaussian"}, ("'gaussian'", "none")),
        ({**JPEG, "random_crop": True, "crop_padding": 4}, ("random_crop = True", "random_resized_crop")),
        ({**JPEG, "train_samples": 25}, ("train_samples = 25", "24")),
        ({**JPEG, "train_eval_samples": 25}, ("train_eval_samples = 25", "24")),
        ({**JPEG, "train_samples": 9, "train_eval_samples": 10}, ("train_eval_samples = 10", "9")),
        ({**RAW, "random_resized_crop": True}, ("random_resized_crop = True", "random_crop")),
        ({**RAW, "view": "whole"}, ("view = 'whole'", "centre")),
        ({**RAW, "image_size": 29}, ("image_size = 29", "28")),
        ({**RAW, "train_samples": 5001}, ("train_samples = 5001", "5000")),
        ({**RAW, "random_crop": True, "crop_padding": 0}, ("crop_padding = 0", "pad by 1")),
    ],
    ids=lambda value: ", ".join(list(value)[-1:]) if isinstance(value, dict) else "",
)
def test_what_a_data_set_cannot_give_is_refused_in_one_line(
    fields: dict[str, Any], told: tuple[str, ...], jpegs: PreparedData, prepared: PreparedData
) -> None:
    with pytest.raises(SpecError) as refusal:
        check_fits(make(**fields), jpegs if fields["dataset"] == "imagenet" else prepared)
    message = str(refusal.value)
    assert "\n" not in message
    assert all(part in message for part in told)


@pytest.mark.parametrize(
    "fields",
    [
        JPEG,
        {**JPEG, "image_size": 500, "random_resized_crop": True, "flip": True, "train_eval_samples": 24},
        {**JPEG, "max_side": None, "image_size": 600},
        {**JPEG, "view": "whole", "flip": True, "rotation": 25},
        {**RAW, "random_crop": True, "crop_padding": 4, "normalization": "unit", "train_eval_samples": 5000},
    ],
)
def test_what_fits_is_not_refused(fields: dict[str, Any], jpegs: PreparedData, prepared: PreparedData) -> None:
    check_fits(make(**fields), jpegs if fields["dataset"] == "imagenet" else prepared)


@pytest.mark.parametrize("view", ["centre", "whole"])
def test_both_streams_are_what_the_spec_says(jpegs: PreparedData, view: str) -> None:
    spec = make(**JPEG, normalization="imagenet", view=view, label_corruption=0.5, train_samples=12)
    data = StreamPool(read_ahead=True, readers=2, os_cache=False).open(spec, jpegs)
    assert data.input_shape == (3, 224, 224)
    drawn = Augmentation(None, True, 0, 1, resized=view == "centre", rotation=10)
    for stream, beton, augmentation in ((data.train, jpegs.train, drawn), (data.test, jpegs.test, None)):
        plain = BetonStream(beton, read_ahead=False)
        plain.configure(224, plain.true_labels, None, "imagenet", view)
        order = np.arange(beton.samples)
        given, expected = (next(s.batches(order, len(order), augmentation)) for s in (stream, plain))
        assert torch.equal(given.images, expected.images)
        labels = data.labels.given if stream is data.train else stream.true_labels
        assert np.array_equal(given.labels.numpy(), labels)
