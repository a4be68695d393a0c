"""Sweeps: a wrong declaration in a user's own sweep is refused in one line that names it, before anything is built."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

import sweeps
from rethink.cli import run_sweep
from rethink.cli.command_line import main
from rethink.errors import SpecError
from rethink.sweep import SuccessiveHalving, Sweep, log_uniform

BLOCK = {"model": "mlp_1x512"}
VARIANTS: dict[Any, Any] = {"default": [BLOCK]}
WRONG: dict[str, tuple[Any, str]] = {
    "no sweep": ("SWEEP", "'SWEEP' is not a sweep: give a Sweep"),
    "name none": ({"name": None}, "sweep name None is not allowed"),
    "name empty": ({"name": ""}, "sweep name '' is not allowed"),
    "name slash": ({"name": "a/b"}, "sweep name 'a/b' is not allowed"),
    "name of two lines": ({"name": "a\nb"}, r"sweep name 'a\\nb' is not allowed"),
    "about none": ({"about": None}, "sweep 'own': about = None is not allowed: a text"),
    "halving text": ({"halving": "fast"}, "sweep 'own': halving = 'fast' is not allowed: a SuccessiveHalving"),
    "variants list": ({"variants": [BLOCK]}, r"sweep 'own': variants = \[.*\] is not allowed: lists of blocks by name"),
    "variants none": (
        {"variants": {}},
        r"sweep 'own': variants = {} is not allowed: lists of blocks by name, .*default",
    ),
    "variant number": ({"variants": {5: [BLOCK]}}, "sweep 'own': variant name 5 is not allowed"),
    "variant of two words": ({"variants": {"a b": [BLOCK]}}, "sweep 'own': variant name 'a b' is not allowed"),
    "variant an option": (
        {"variants": {**VARIANTS, "resume": [BLOCK]}},
        "'resume' is not allowed: --resume is an option",
    ),
    "variant a field": ({"variants": {**VARIANTS, "seed": [BLOCK]}}, "'seed' is not allowed: --seed is an option"),
    "variant help": ({"variants": {**VARIANTS, "help": [BLOCK]}}, "'help' is not allowed: --help is an option"),
    "no block": ({"variants": {"default": []}}, "variant 'default' has no block"),
    "block alone": (
        {"variants": {"default": BLOCK}},
        "variant 'default' = {'model': 'mlp_1x512'} is not allowed: a list",
    ),
    "block text": ({"variants": {"default": ["mlp_1x512"]}}, "block 'mlp_1x512' is not allowed: values by field"),
    "blocks text": ({"variants": {"default": "mlp_1x512"}}, "variant 'default' = 'mlp_1x512' is not allowed: a list"),
    "field number": ({"variants": {"default": [{5: 1}]}}, r"block {5: 1} is not allowed: values by field"),
    "field unknown": ({"variants": {"default": [{**BLOCK, "colour": 1}]}}, "unknown field 'colour'"),
    "model a set": ({"variants": {"default": [{"model": {"a"}}]}}, r"unknown model {'a'}; choose from"),
    "data set a dict": ({"variants": {"default": [{**BLOCK, "dataset": {}}]}}, "unknown data set {}; choose from"),
    "protocol a set": ({"variants": {"default": [{**BLOCK, "protocol": {"a"}}]}}, "protocol = {'a'} is not allowed"),
}


def made(wrong: Any) -> Any:
    return Sweep(**{"name": "own", "about": "", "variants": VARIANTS, **wrong}) if isinstance(wrong, dict) else wrong


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_no_sweep_ends_in_one_line(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, said = WRONG[fault]
    assert run_sweep(made(wrong), ["--storage", "/proc/none"]) == 2
    assert re.fullmatch(rf"rethink run.*: .*{said}.*\n", capsys.readouterr().err)


@pytest.mark.parametrize("field", ["grace_epochs", "reduction_factor"])
@pytest.mark.parametrize("value", [0, -1, 2.5, "3", None, True])
def test_successive_halving_counts_in_whole_numbers(field: str, value: Any) -> None:
    with pytest.raises(SpecError, match=f"^{field} = .* is not allowed: a whole number from [12]$"):
        SuccessiveHalving(**{"grace_epochs": 1, field: value})


@pytest.mark.parametrize(
    "arguments", [("a", 1, 3), (1, "b", 3), (0.1, float("inf"), 3), (0.1, 1, 2.5), (0.1, 1, 3, -1)]
)
def test_log_uniform_takes_numbers_alone(arguments: Any) -> None:
    with pytest.raises(SpecError, match=r"^log_uniform\(.*\) is not allowed: 0 < low < high"):
        log_uniform(*arguments)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("SuccessiveHalving(grace_epochs=0)", "grace_epochs = 0 is not allowed: a whole number from 1"),
        ("1 / 0", "sweeps/made_sweep.py raised ZeroDivisionError: division by zero"),
        ("pass", "sweeps/made_sweep.py raised AttributeError: module 'sweeps.made_sweep' has no attribute 'SWEEP'"),
    ],
)
def test_a_sweep_file_that_fails_ends_in_its_own_line(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "made_sweep.py").write_text(
        f"from rethink.sweep.successive_halving import SuccessiveHalving\n\n{line}\n"
    )
    monkeypatch.setattr(sweeps, "__path__", [*sweeps.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "sweeps.made_sweep", raising=False)
    assert main(["run", "made_sweep"]) == 2
    place = "" if line == "pass" else " (made_sweep.py, line 3)"
    assert capsys.readouterr().err == f"rethink run made_sweep: {said}{place}\n"


def test_one_trial_with_two_limits_is_refused() -> None:
    block = {"model": "mlp_1x512", "max_epochs": [5, 9]}
    sweep = Sweep(name="limits", about="", variants={"default": [block]})
    with pytest.raises(
        SpecError, match=r"^max_epochs = 9 is not allowed: mlp_1x512-p0-seed0-\w+ is already asked for with 5; limits"
    ):
        sweep.specs("default", {})
    assert len(sweep.specs("default", {"max_epochs": [9]})) == 1
