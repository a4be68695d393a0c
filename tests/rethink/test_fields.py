"""Fields are declared once: what a declaration says is what is checked, told and offered."""

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Any

import pytest

from rethink.errors import SpecError
from rethink.run_options import RunOptions
from rethink.spec import TrialSpec
from rethink.spec.fields import REQUIRED, Limits, check_names, field, fields_of, fix_types

GOOD: dict[str, Any] = {"dataset": "d", "image_size": 28, "model": "m", "learning_rate": 0.1}
# What a limited field needs beside it.
BESIDE: dict[str, dict[str, Any]] = {"max_side": {"jpeg_quality": 90}, "crop_padding": {"random_crop": True}}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """For tests."""

    name: str = field(REQUIRED, "a name")
    share: float = field(0.5, "a share", Limits(0, 1, below=True))
    kind: str = field("a", "a choice", ("a", "b"))
    place: Path | None = field(None, "a folder")
    rows: Annotated[int, "no part of the type"] | None = dataclasses.field(
        default=3, metadata={"doc": "a number", "unit": "rows"}
    )


def test_a_declaration_is_read_from_the_field() -> None:
    fields = fields_of(Made)
    assert list(fields) == ["name", "share", "kind", "place", "rows"]
    assert [f.kind for f in fields.values()] == [str, float, str, Path, int]
    assert [f.optional for f in fields.values()] == [False, False, False, True, True]
    assert [f.default for f in fields.values()] == [REQUIRED, 0.5, "a", None, 3]
    assert [f.doc for f in fields.values()] == ["a name", "a share", "a choice", "a folder", "a number"]
    assert [f.unit for f in fields.values()] == ["", "", "", "", "rows"]
    assert fields["kind"].allowed == ("a", "b")


@pytest.mark.parametrize(
    ("limits", "inside", "outside", "text"),
    [
        (Limits(1, 10), [1, 10, 5.5], [0, 11, 0.999], "from 1 to 10"),
        (Limits(0, 180, note=" degrees"), [0, 180], [-1e-9, 180.5], "from 0 to 180 degrees"),
        (Limits(0), [0, 1e308, 10**400], [-1e-300, -math.inf], "0 or more"),
        (Limits(0, above=True), [1e-300], [0, -0.0], "above 0"),
        (Limits(2, 5, above=True), [2.5, 5], [2, 5.5], "in (2, 5]"),
        (Limits(0, 1), [0, 1], [-0.1, 1.1], "in [0, 1]"),
        (Limits(0, 1, below=True), [0, 0.999], [1], "in [0, 1)"),
        (Limits(0, 1, above=True), [1e-9, 1], [0], "in (0, 1]"),
    ],
)
def test_limits_hold_what_their_text_says(limits: Limits, inside: list[float], outside: list[float], text: str) -> None:
    assert [value in limits for value in inside] == [True] * len(inside)
    assert [value in limits for value in [*outside, math.inf, math.nan]] == [False] * (len(outside) + 2)
    assert str(limits) == text


@pytest.mark.parametrize("record", [TrialSpec, RunOptions])
def test_every_default_is_a_value_that_its_field_may_have(record: type) -> None:
    for declared in fields_of(record).values():
        if declared.default is not REQUIRED:
            declared.check(declared.default)
            assert declared.default is None or type(declared.default) is declared.kind


@pytest.mark.parametrize("name", [f.name for f in fields_of(TrialSpec).values() if isinstance(f.allowed, Limits)])
def test_a_spec_holds_its_declared_limits_to_the_last_number(name: str) -> None:
    limits = fields_of(TrialSpec)[name].allowed
    assert isinstance(limits, Limits)
    step = 1 if fields_of(TrialSpec)[name].kind is int else 1e-9
    least, most = (limits.least + step * limits.above, limits.most - step * limits.below)
    values = {**GOOD, **BESIDE.get(name, {})}
    for held in (least, most if most < math.inf else 1e300):
        assert getattr(TrialSpec(**{**values, name: held}), name) == pytest.approx(held)
    for refused in (least - step, most + step):
        with pytest.raises(SpecError, match=f"^{name} = .* is not allowed: "):
            TrialSpec(**{**values, name: refused})


def test_every_number_of_a_spec_has_limits() -> None:
    assert [f.name for f in fields_of(TrialSpec).values() if f.kind in (int, float) and f.allowed is None] == []


def test_an_unknown_name_and_a_missing_one_are_told() -> None:
    check_names(Made, ["name"])
    with pytest.raises(
        SpecError, match=r"^unknown field 'nam'; choose from name, share, kind, place, rows \(nearest: name\)$"
    ):
        check_names(Made, ["name", "nam"])
    with pytest.raises(SpecError, match=r"^name is missing$"):
        check_names(Made, ["share"])


def test_none_is_a_value_of_an_optional_field_alone() -> None:
    made = Made(name="x", share=1)
    fix_types(dataclasses.replace(made, rows=None))
    with pytest.raises(SpecError, match=r"^share = None is not allowed: a value of type float$"):
        fix_types(dataclasses.replace(made, share=None))  # type: ignore[arg-type]
    fix_types(made)
    assert type(made.share) is float
