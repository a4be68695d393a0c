"""TrialSpec: refuses what no trial can run with, and has one id for one trial."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from rethink.errors import SpecError
from rethink.spec import LIMITS, TrialSpec

GOOD: dict[str, Any] = {"dataset": "d", "image_size": 28, "model": "m", "learning_rate": 0.1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("label_corruption", 1.2),
        ("label_corruption", float("nan")),
        ("label_corruption", "0.5"),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", True),
        ("batch_size", 0),
        ("batch_size", 1.5),
        ("train_samples", 0),
        ("learning_rate", 0),
        ("learning_rate", float("inf")),
        ("learning_rate_decay", 1.1),
        ("momentum", 1),
        ("dropout", 1.0),
        ("weight_decay", -1e-4),
        ("precision", "fp8"),
        ("pixel_corruption", "blurred"),
        ("crop_padding", 4),
        ("flip", 1),
        ("flip", np.True_),  # no JSON value
        ("batch_norm", 1),
        ("max_epochs", None),
        ("max_steps", 0),
        ("evaluate_steps", 0),
        ("train_eval_samples", -1),
        ("decay_images", 0),
        ("gradient_clip", 0),
        ("optimizer", "adam"),
        ("normalization", "zscore"),
        ("jpeg_quality", 101),
        ("max_side", 500),
        ("model", ""),
        ("rotation", -1),
        ("rotation", 180.5),
        ("rotation", float("nan")),
        ("view", "center"),
        ("auxiliary_weight", -0.1),
        ("auxiliary_weight", float("inf")),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_names_it(name: str, value: Any) -> None:
    with pytest.raises(SpecError, match=f"^{name} = .* is not allowed: [^\n]+$"):
        TrialSpec(**{**GOOD, name: value})


def test_unknown_and_missing_fields_are_refused_by_name() -> None:
    with pytest.raises(SpecError, match=r"unknown field 'sed'; choose from .*seed"):
        TrialSpec.from_dict({**GOOD, "sed": 1})
    with pytest.raises(SpecError, match="model is missing"):
        TrialSpec.from_dict({"dataset": "d", "image_size": 28, "learning_rate": 0.1})


def test_equal_trials_have_one_id_however_their_numbers_are_written() -> None:
    spec = TrialSpec(**GOOD, label_corruption=1, weight_decay=0, seed=3)
    same = TrialSpec(**GOOD, label_corruption=1.0, weight_decay=-0.0, seed=3.0)  # type: ignore[arg-type]
    assert spec == same
    assert spec.spec_id == same.spec_id
    assert TrialSpec.from_dict(spec.to_dict()) == spec


def test_every_field_decides_the_id() -> None:
    options: dict[str, Any] = {"train_samples": 100, "depth": 28, "width": 1, "batch_norm": True}
    options |= {"random_crop": True, "crop_padding": 4, "jpeg_quality": 90, "max_side": 500, "gradient_clip": 2.0}
    options |= {"max_steps": 10, "evaluate_steps": 10, "start_from": "ab", "auxiliary_weight": 0.4}
    options |= {"stop_loss": 0.1}
    spec = TrialSpec(**GOOD, **options)
    changed: dict[str, Any] = {"dataset": "e", "model": "n", "precision": "bf16", "pixel_corruption": "gaussian"}
    changed |= {"batch_norm": False, "flip": True, "normalization": "unit", "optimizer": "rmsprop", "start_from": "cd"}
    changed |= {"view": "whole"}
    ids = {spec.spec_id}
    for field in dataclasses.fields(TrialSpec):
        old = getattr(spec, field.name)
        if field.name == "random_crop":
            ids.add(dataclasses.replace(spec, random_crop=False, crop_padding=None).spec_id)
            continue
        if field.name == "random_resized_crop":
            ids.add(dataclasses.replace(spec, random_crop=False, crop_padding=None, random_resized_crop=True).spec_id)
            continue
        if field.name not in changed:
            changed[field.name] = old + 1 if isinstance(old, int) else old * 0.5 + 0.25
        ids.add(dataclasses.replace(spec, **{field.name: changed[field.name]}).spec_id)
    assert len(ids) == 1 + len(dataclasses.fields(TrialSpec)) - len(LIMITS)


def test_a_field_that_was_not_known_yet_changes_no_id() -> None:
    """Ids of 2026: a later version adds fields, off by default, and still finds the rows of old runs."""
    assert TrialSpec(**GOOD).spec_id == "df1b0d385934"
    assert TrialSpec(**GOOD, label_corruption=0.5, seed=2).spec_id == "dedb865404ba"


def test_a_padded_and_a_resized_crop_exclude_each_other() -> None:
    with pytest.raises(SpecError, match="random_resized_crop = True is not allowed: off with random_crop"):
        TrialSpec(**GOOD, random_crop=True, crop_padding=4, random_resized_crop=True)


def test_a_random_resized_crop_has_no_whole_view() -> None:
    with pytest.raises(SpecError, match="view = 'whole' is not allowed: centre with random_resized_crop"):
        TrialSpec(**GOOD, view="whole", random_resized_crop=True)


def test_the_stored_form_of_jpeg_images_is_part_of_the_datas_name() -> None:
    assert TrialSpec(**GOOD).stored_data == "d"
    assert TrialSpec(**GOOD, jpeg_quality=90, max_side=500).stored_data == "d-500-q90"
    assert TrialSpec(**GOOD, jpeg_quality=90).stored_data == "d-full-q90"


def test_real_values_are_kept_to_12_digits_so_that_what_prints_alike_is_alike() -> None:
    typed, computed = (TrialSpec(**GOOD, label_corruption=level) for level in (0.3, 0.1 * 3))
    assert typed == computed
    assert typed.spec_id == computed.spec_id
    near = TrialSpec(**GOOD, label_corruption=0.300000000001)
    assert near.spec_id != typed.spec_id
    assert "p0.300000000001-" in near.name
