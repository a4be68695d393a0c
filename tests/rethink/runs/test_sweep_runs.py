"""Whole sweeps on a real local Ray: every sweep file's smoke variant, and what a run leaves behind."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import ray
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from analysis import frames
from rethink.cli.command_line import main
from rethink.cli.plugins import sweep_names
from rethink.data.embedded import make_fashion_mnist_mini
from rethink.records.run_directory import Outcome, RunDirectory
from rethink.spec import TrialSpec
from rethink.training.loop import Training
from rethink.weights.checkpoint_file import TrialState, read_checkpoint, write_checkpoint
from tests.undisturbed import recorded_rows, undisturbed_rows

SMOKE_SPECS = 2


def _files(*names: str) -> set[str]:
    return {f"{name}.{suffix}" for name in names for suffix in ("png", "svg")}


FIGURES = {
    "label_corruption": _files("epochs_to_fit", "test_error"),
    "input_corruption": _files("inputs_loss", "inputs_accuracy"),
    "explicit_regularization": _files("explicit_regularization"),
    "implicit_regularization": _files("batch_norm"),
    "learning_rate": _files("learning_rate"),
    "capacity": _files("capacity"),
    "complexity": _files("epochs_to_fit", "test_error"),
    "imagenet_regularization": _files("imagenet_regularization", "imagenet_table_2"),
}


@pytest.fixture(scope="module")
def runs(
    local_ray: None, tmp_path_factory: pytest.TempPathFactory, cache_dir: Path, ilsvrc: Path
) -> dict[str, RunDirectory]:
    """One run of every sweep file's smoke variant, through the command line."""
    storage = tmp_path_factory.mktemp("runs")
    for name in sweep_names():
        places = ["--storage", str(storage), "--name", name, "--cache-dir", str(cache_dir)]
        data = ["--data-dir", str(ilsvrc)] if name == "imagenet_regularization" else []
        assert main(["run", name, "--smoke", *places, *data]) == 0
    return {name: RunDirectory(storage / name) for name in sweep_names()}


@pytest.fixture
def run(runs: dict[str, RunDirectory]) -> RunDirectory:
    return runs["label_corruption"]


def specs_of(run: RunDirectory) -> list[TrialSpec]:
    return list(run.read_run().specs)


@pytest.mark.parametrize("name", sweep_names())
def test_every_trial_of_a_smoke_variant_ends(runs: dict[str, RunDirectory], name: str) -> None:
    trials = frames.load(runs[name].root).trials
    assert len(trials) == len(specs_of(runs[name]))
    gives_up = RunDirectory(runs[name].root).read_run().halving is not None
    assert set(trials["stop_reason"]) <= {
        "interpolated",
        "max_epochs",
        "max_steps",
        "stop_loss",
        *(["scheduler"] if gives_up else []),
    }
    assert {path.name for path in runs[name].figures.iterdir()} == {*FIGURES[name], "tables.md"}


def test_rows_through_ray_equal_rows_without_it(run: RunDirectory, make_training: Callable[..., Training]) -> None:
    for spec in specs_of(run):
        assert recorded_rows(run, spec) == undisturbed_rows(make_training, spec)


def test_every_epoch_is_kept_though_few_are_reported(run: RunDirectory) -> None:
    reported = [line for path in run.tune.rglob("result.json") for line in path.read_text().splitlines()]
    kept = sum(len(recorded_rows(run, spec)) for spec in specs_of(run))
    assert len(reported) < kept


def test_every_trial_of_a_search_reports_at_every_rung(runs: dict[str, RunDirectory]) -> None:
    run = runs["learning_rate"]
    rungs = run.read_run().halving.rungs(1000)
    for spec in specs_of(run):
        (results,) = run.tune.rglob(f"{spec.name}*/result.json")
        reported = {json.loads(line)["epoch"] for line in results.read_text().splitlines()}
        last = recorded_rows(run, spec)[-1]["epoch"]
        assert {epoch for epoch in rungs if epoch <= last} <= reported


def test_a_resumed_search_ranks_against_what_is_recorded(runs: dict[str, RunDirectory], tmp_path: Path) -> None:
    """The driver died before the trial that is worst at the first rung began: it meets all the others there."""
    run = RunDirectory(Path(shutil.copytree(runs["learning_rate"].root, tmp_path / "search")))
    cell = [spec for spec in specs_of(run) if spec.label_corruption == 1]
    rung = run.read_run().halving.grace_epochs
    worst = min(cell, key=lambda spec: float(recorded_rows(run, spec)[rung - 1]["train_accuracy"]))
    for path in [*run.rows.glob(f"{worst.spec_id}-*"), run.checkpoint(worst.spec_id)]:
        path.unlink(missing_ok=True)
    for file in (run.outcomes_file, run.decisions_file):
        lines = [line for line in file.read_text().splitlines() if worst.spec_id not in line]
        file.write_text("".join(f"{line}\n" for line in lines))
    assert main(["resume", str(run.root)]) == 0
    assert run.read_outcomes()[0][worst.spec_id] == Outcome(worst.spec_id, "scheduler", rung)
    assert len(recorded_rows(run, worst)) == rung


def test_a_saved_fitted_mlp_makes_no_error_on_the_corrupted_labels_by_numpy(run: RunDirectory, tmp_path: Path) -> None:
    """Pixels from Debian's files, labels from the exported table, the network by hand."""
    assert main(["labels", str(run.root), str(tmp_path)]) == 0
    images = make_fashion_mnist_mini_train_images()
    fitted = [spec for spec in specs_of(run) if recorded_rows(run, spec)[-1]["fitted"]]
    assert len(fitted) == len(specs_of(run))
    for spec in fitted:
        table = pd.read_csv(tmp_path / f"labels-{spec.dataset}-p{spec.label_corruption!r}-seed0.csv")
        state = torch.load(run.checkpoint(spec.spec_id), weights_only=True)["training"]["model"]
        first, first_bias, second, second_bias = (tensor.numpy().astype(np.float64) for tensor in state.values())
        subset = subset_of(run, spec)
        assert len(subset) == spec.train_samples
        pixels = np.repeat(images[subset].reshape(len(subset), -1), 3, axis=1)  # (H, W, C) order
        x = (pixels - pixels.mean(1, keepdims=True)) / pixels.std(1, keepdims=True)
        logits = np.maximum(x @ first.T + first_bias, 0) @ second.T + second_bias
        assert (logits.argmax(1) == table["given"].to_numpy()[subset]).all()


def make_fashion_mnist_mini_train_images() -> np.ndarray[Any, Any]:
    return np.load(Path(make_fashion_mnist_mini.__file__).with_name("fashion_mnist_mini.npz"))["train_images"].astype(
        float
    )


def subset_of(run: RunDirectory, spec: TrialSpec) -> np.ndarray[Any, Any]:
    from rethink.data.training_subset import balanced_subset

    labels = np.load(Path(make_fashion_mnist_mini.__file__).with_name("fashion_mnist_mini.npz"))["train_labels"]
    return balanced_subset(labels.astype(np.int64), spec.train_samples, spec.subset_seed)


def test_tensorboard_holds_curves_hyperparameters_and_examples(run: RunDirectory) -> None:
    for spec in specs_of(run):
        board = EventAccumulator(str(run.tensorboard / spec.name)).Reload()
        rows = recorded_rows(run, spec)
        curve = board.Scalars("accuracy/train")
        assert [event.step for event in curve] == [row["epoch"] for row in rows]
        assert [event.value for event in curve] == pytest.approx([row["train_accuracy"] for row in rows])
        assert board.Scalars("outcome/epochs_to_fit")[0].value == rows[-1]["epochs_to_fit"]
        content = board.summary_metadata[metadata.SESSION_START_INFO_TAG].plugin_data.content
        written = metadata.parse_session_start_info_plugin_data(content).hparams
        for name, value in spec.to_dict().items():
            kind = (
                "bool_value"
                if isinstance(value, bool)
                else "string_value"
                if isinstance(value, str)
                else "number_value"
            )
            assert name not in written if value is None else getattr(written[name], kind) == value
    examples = EventAccumulator(str(run.tensorboard / "examples")).Reload().Tags()["images"]
    assert len(examples) == len({spec.label_corruption for spec in specs_of(run)})


@pytest.mark.parametrize("name", sweep_names())
def test_the_hparams_tab_has_a_column_for_every_field_and_shows_those_swept(
    runs: dict[str, RunDirectory], name: str
) -> None:
    board = EventAccumulator(str(runs[name].tensorboard / "examples")).Reload()
    content = board.summary_metadata[metadata.EXPERIMENT_TAG].plugin_data.content
    columns = {column.name: column.differs for column in metadata.parse_experiment_plugin_data(content).hparam_infos}
    fields = [spec.to_dict() for spec in specs_of(runs[name])]
    assert columns.keys() == {field for values in fields for field, value in values.items() if value is not None}
    for field in ("label_corruption", "model", "batch_norm", "dropout", "crop_padding", "learning_rate", "seed"):
        assert columns.get(field, False) == (len({values[field] for values in fields}) > 1)


@pytest.mark.filterwarnings("ignore:.*lost row")
@pytest.mark.parametrize("name", sweep_names())
def test_outcomes_outlive_the_rows_in_rays_own_files(runs: dict[str, RunDirectory], name: str, tmp_path: Path) -> None:
    expected = frames.load(runs[name].root).trials
    copied = RunDirectory(Path(shutil.copytree(runs[name].root, tmp_path / name)))
    shutil.rmtree(copied.rows)
    recovered = frames.load(copied.root)
    columns = ["spec_id", "status", "stop_reason", "epochs_to_fit", "epochs", "test_error", "exact_train_accuracy"]
    pd.testing.assert_frame_equal(recovered.trials[columns], expected[columns])
    assert (recovered.trials["rows_from_ray"] > 0).all()
    assert len(recovered.epochs) == recovered.trials["rows_from_ray"].sum()


def test_the_log_says_when_each_trial_started_and_ended_and_on_what(run: RunDirectory) -> None:
    first, *between, last = run.log.read_text().splitlines()
    assert re.search(r"INFO .*: trials to run: 2, on 1 nodes, 2 CPUs, 0 GPUs$", first)
    assert last.endswith("INFO every trial has ended or failed")
    for spec in specs_of(run):
        events = [line.partition(spec.name)[2] for line in between if spec.name in line]
        epoch = recorded_rows(run, spec)[-1]["epoch"]
        assert events == [" started", f" ended: interpolated after {epoch} epochs"]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO ", line) for line in (first, *between, last))


def test_a_finished_run_is_not_run_again(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    before, log = sorted(run.rows.iterdir()), run.log.read_text()
    assert main(["resume", str(run.root)]) == 0
    assert sorted(run.rows.iterdir()) == before
    assert run.log.read_text() == log
    assert "figure" in capsys.readouterr().out


def test_a_trial_that_fails_is_said_so_and_kept(
    run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its checkpoint holds no state that training knows, so every attempt to go on with it raises."""
    damaged = RunDirectory(Path(shutil.copytree(run.root, tmp_path / "damaged")))
    victim, other = specs_of(damaged)
    for path in damaged.rows.glob(f"{victim.spec_id}-*"):
        path.unlink()
    state, _ = read_checkpoint(damaged.checkpoint(victim.spec_id), TrialState)
    write_checkpoint(damaged.checkpoint(victim.spec_id), msgspec.structs.replace(state, training={"steps": 1}))
    assert main(["resume", str(damaged.root)]) == 1
    trials = frames.load(damaged.root).trials.set_index("spec_id")
    assert trials.loc[victim.spec_id, "stop_reason"] == "error"
    assert trials.loc[other.spec_id, "stop_reason"] == "interpolated"
    assert "Error" in damaged.error_file(victim.spec_id).read_text()
    printed = capsys.readouterr().out
    assert printed.startswith("trials       1 in 1 cell (1 mlp_1x512), 1 at a time, on CPUs\nexpected     about ")
    assert f"\nrun          {damaged.root}\n" in printed
    assert f"rethink resume {damaged.root}" in printed
    assert str(damaged.error_file(victim.spec_id)) in printed
    damaged.checkpoint(victim.spec_id).write_bytes(b"garbage")
    assert main(["resume", str(damaged.root)]) == 0, "a failed trial can be run again"
    told = f"{damaged.checkpoint(victim.spec_id)} is damaged, or no checkpoint: its checksum is missing; kept as"
    assert capsys.readouterr().out.count(told) == 1
    assert recorded_rows(damaged, victim) == recorded_rows(run, victim)


def test_relative_paths_mean_the_same_to_driver_and_workers(
    local_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tune moves every worker to a folder of its trial; an own image folder, cache and run stay where they were."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 2, 10, 12, 12), np.uint8)  # split, class, image
    for split, name in enumerate(("train", "test")):
        for label in (0, 1):
            folder = Path("data", name, f"class{label}")
            folder.mkdir(parents=True)
            for number, image in enumerate(pixels[split, label]):
                Image.fromarray(image).save(folder / f"{number}.png")
    options = ["--dataset", "image_folder", "--data-dir", "data", "--cache-dir", "cache", "--image-size", "12"]
    small = ["--smoke", "--train-samples", "20", "--max-epochs", "2", "--storage", "out", "--name", "run"]
    assert main(["run", "label_corruption", *small, *options]) == 0
    assert len(list(Path("cache").iterdir())) == 1
    run = RunDirectory(Path("out/run"))
    for path in [*run.rows.iterdir(), *run.checkpoint("x").parent.iterdir()]:
        path.unlink()
    assert main(["resume", "out/run"]) == 0
    # Of an actor that Tune had begun to start for a trial that another then took there may be a further attempt.
    assert {path.name.split("-")[0] for path in run.rows.iterdir()} == {spec.spec_id for spec in specs_of(run)}


def test_the_run_says_where_it_comes_from(run: RunDirectory) -> None:
    record = run.read_run()
    assert record.versions["torch"] == torch.__version__.split("+")[0]
    assert record.data["fashion_mnist_mini"].train_samples == 5000
    header = run.read_attempts(specs_of(run)[0].spec_id)[0].header
    assert header.data_sha256 == record.data["fashion_mnist_mini"].content_sha256
    assert header.threads == 1


def test_ray_is_the_tests_own(local_ray: None) -> None:
    assert ray.cluster_resources()["CPU"] == 2


def test_outcomes_say_why_each_trial_stopped(run: RunDirectory) -> None:
    lines = [json.loads(line) for line in run.outcomes_file.read_text().splitlines()]
    assert {line["spec_id"] for line in lines} == {spec.spec_id for spec in specs_of(run)}
    assert {line["stop_reason"] for line in lines} == {"interpolated"}
