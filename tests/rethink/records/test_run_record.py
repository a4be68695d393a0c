"""run.json is checked where it is read: whatever is wrong is one line that names the file, the field and the value."""

import json
from pathlib import Path
from typing import Any

import pytest

from rethink.errors import RunError
from rethink.records.halving import SuccessiveHalving
from rethink.records.run_directory import RunDirectory
from rethink.records.run_record import RunRecord, read_run_id
from rethink.run_options import RunOptions
from rethink.spec import TrialSpec
from tests.made_record import RUN_ID, made_record

SPECS = [
    TrialSpec(dataset="fashion_mnist", image_size=28, model="mlp_1x512", learning_rate=0.01, seed=seed)
    for seed in range(2)
]
LEGAL = {  # of the values below, by field
    **dict.fromkeys(("run_id", "sweep", "variant", "command"), ("text",)),
    **{
        "format": (),
        "created": (),
        "data": (),
        "options": ({},),
        "halving": (None,),
        "specs": ([],),
        "labels": (),
        "versions": ({},),
        "additions": ([],),
    },
}
OPTIONAL = ("additions",)
VALUES: tuple[Any, ...] = ("text", 5, True, 1.5, None, [], {}, [1], ["a"], {"a": 1}, {"a": {}}, [{}], 10**30)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    run.root.mkdir()
    options = RunOptions(data_dir=Path("/data"), cpus_per_trial=2, ray_address="local")
    run.create(made_record(SPECS, options=options, halving=SuccessiveHalving(3)))
    return run


def change(run: RunDirectory, **fields: Any) -> None:
    run.run_file.write_text(json.dumps({**json.loads(run.run_file.read_text()), **fields}))


def refusal(run: RunDirectory) -> str:
    with pytest.raises(RunError) as caught:
        run.read_run()
    told = str(caught.value)
    assert str(run.run_file) in told
    assert "\n" not in told
    assert len(told) < 500 + len(str(run.run_file))
    return told


def test_it_comes_back_as_written(run: RunDirectory) -> None:
    options = RunOptions(data_dir=Path("/data"), cpus_per_trial=2, ray_address="local")
    assert run.read_run() == made_record(SPECS, options=options, halving=SuccessiveHalving(3))
    assert run.run_id == read_run_id(run.run_file) == RUN_ID


@pytest.mark.parametrize("field", RunRecord.__struct_fields__)
def test_every_field_is_checked(run: RunDirectory, field: str) -> None:
    whole = run.run_file.read_text()
    for value in VALUES:
        change(run, **{field: value})
        if value in LEGAL[field] and not isinstance(value, bool):
            run.read_run()
        else:
            assert field in refusal(run), value
    values = json.loads(whole)
    del values[field]
    run.run_file.write_text(json.dumps(values))
    if field in OPTIONAL:
        run.read_run()
    else:
        assert f"{field} is missing" in refusal(run)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"[]", b"null", b"5", b'"x"', b"{}", b"\xef\xbb\xbf{}", b"[" * 200_000]
)
def test_what_is_no_run_is_refused(run: RunDirectory, content: bytes) -> None:
    run.run_file.write_bytes(content)
    refusal(run)


def test_what_is_nested_deep_is_refused(run: RunDirectory) -> None:
    deep = run.run_file.read_text().replace('"demo"', "[" * 200_000 + "]" * 200_000)
    run.run_file.write_text(deep)
    refusal(run)


@pytest.mark.parametrize(
    ("place", "values", "said"),
    [
        ("", {"format": 2}, "format = 2 is not allowed: this version reads format 1"),
        ("", {"colour": "red"}, "colour is no field of it"),
        ("", {"sweep": 5}, "sweep = 5 is not allowed: expected `str`, got `int`"),
        ("", {"created": "yesterday"}, "created = 'yesterday' is not allowed"),
        ("", {"created": "2026-11-23T20:00:00"}, "created"),
        ("options", {"colour": "red"}, "options.colour is no field of it"),
        ("options", {"cpus_per_trial": "one"}, "options.cpus_per_trial = 'one' is not allowed"),
        ("options", {"cpus_per_trial": -1}, "cpus_per_trial = -1.0 is not allowed"),
        ("options", {"cache_dir": 5}, "options.cache_dir = 5 is not allowed"),
        ("halving", {"colour": 1}, "halving.colour is no field of it"),
        ("halving", {"grace_epochs": 0}, "grace_epochs = 0 is not allowed"),
        ("data fashion_mnist", {"classes": "ten"}, r"data[...].classes = 'ten' is not allowed"),
        ("data fashion_mnist", {"classes": 0}, "classes = 0 is not allowed"),
        ("data fashion_mnist", {"classes": 9}, "classes = 9 is not allowed: class_names has 10 names"),
        ("specs 1", {"colour": "red"}, "specs[1].colour is no field of it"),
        ("specs 1", {"train_samples": "many"}, "specs[1].train_samples = 'many' is not allowed"),
        ("specs 1", {"label_corruption": 7}, "label_corruption = 7"),
        ("specs 1", {"model": ["a"]}, "specs[1].model = ['a'] is not allowed"),
        ("specs 1", {"seed": 0}, f"specs holds {SPECS[0].spec_id} 2 times"),
        (f"labels {SPECS[0].spec_id}", {"changed": 1.5}, "labels[...].changed: Expected `float` <= 1.0"),
        ("specs 0", {"seed": 7}, "labels lacks "),
        ("specs 1", {"dataset": "cifar10"}, "data lacks 'cifar10', which specs read"),
    ],
)
def test_the_value_and_what_it_should_be_are_named(
    run: RunDirectory, place: str, values: dict[str, Any], said: str
) -> None:
    content = json.loads(run.run_file.read_text())
    inner = content
    for name in place.split():
        inner = inner[int(name) if name.isdigit() else name]
    inner.update(values)
    run.run_file.write_text(json.dumps(content))
    assert said in refusal(run)


def test_options_that_are_not_there_are_the_usual_ones(run: RunDirectory) -> None:
    change(run, options={"cpus_per_trial": 2.0})
    assert run.read_run().options == RunOptions(cpus_per_trial=2.0)


def test_results_of_specs_that_it_does_not_ask_for_are_refused(run: RunDirectory) -> None:
    wanted = {spec.spec_id for spec in SPECS}
    (run.rows / f"{SPECS[0].spec_id}-0001.jsonl").touch()
    assert run.results(wanted).row_files.keys() == {SPECS[0].spec_id}
    (run.rows / "abcabc-0001.jsonl").touch()
    with pytest.raises(RunError, match="abcabc"):
        run.results(wanted)
    (run.rows / "abcabc-0001.jsonl").unlink()
    run.record_outcome("defdef", "error", 1)
    with pytest.raises(RunError, match="defdef"):
        run.results(wanted)
