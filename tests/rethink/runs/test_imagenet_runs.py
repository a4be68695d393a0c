"""ImageNet's runs on a made folder, through the command line: steps, faults, exports, files to train on from."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from analysis import frames
from rethink.cli.command_line import main
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.training.loop import Training
from rethink.weights.checkpoints import read_start
from tests.made_jpegs import make_ilsvrc, truncate
from tests.patience import PATIENCE, wait_for
from tests.rethink.runs.test_faults import start_sweep
from tests.undisturbed import recorded_rows, undisturbed_rows

# One trial: random labels, every regularizer that whole images have, an evaluation every 4 steps where an epoch is 6.
TRIAL = [
    "imagenet_regularization", "--smoke", "--protocol", "original", "--label-corruption", "1", "--dropout", "0.3",
    "--weight-decay", "4e-5", "--view", "whole", "--random-resized-crop", "off", "--flip", "on", "--rotation", "25",
    "--learning-rate-decay", "0.9", "--max-steps", "20", "--evaluate-steps", "4",
]  # fmt: skip


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path, ilsvrc: Path) -> list[str]:
    storage = tmp_path_factory.mktemp("runs")
    return ["--storage", str(storage), "--cache-dir", str(cache_dir), "--data-dir", str(ilsvrc)]


@pytest.fixture(scope="module")
def run(local_ray: None, places: list[str]) -> RunDirectory:
    assert main(["run", *TRIAL, *places, "--name", "run"]) == 0
    return RunDirectory(Path(places[1], "run"))


def spec_of(run: RunDirectory) -> TrialSpec:
    (spec,) = run.read_run().specs
    return spec


def test_rows_through_ray_equal_rows_without_it(
    run: RunDirectory, make_imagenet_training: Callable[..., Training]
) -> None:
    expected = undisturbed_rows(make_imagenet_training, spec_of(run))
    assert recorded_rows(run, spec_of(run)) == expected
    assert [row["steps"] for row in expected] == [4, 6, 8, 12, 16, 18, 20]


def test_a_worker_killed_in_mid_epoch_changes_no_row(
    tmp_path: Path, cache_dir: Path, ilsvrc: Path, make_imagenet_training: Callable[..., Training]
) -> None:
    run = RunDirectory(tmp_path / "run")
    forty = ["40" if option == "20" else option for option in TRIAL]  # --max-steps
    longer = [*forty, "--checkpoint-seconds", "0.1", "--data-dir", str(ilsvrc), "--name", "run"]
    process = start_sweep(longer, tmp_path, cache_dir)

    def in_mid_epoch() -> bool:
        if not run.run_file.exists():
            return False
        try:
            state = torch.load(run.checkpoint(spec_of(run).spec_id), weights_only=True)["training"]
        except FileNotFoundError:
            return False
        return state["steps"] > 8 and state["pass"] is not None and state["steps"] % 4 != 0

    wait_for(in_mid_epoch)
    (attempt,) = run.read_attempts(spec_of(run).spec_id)
    os.kill(attempt.header.pid, signal.SIGKILL)
    output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, output
    attempts = run.read_attempts(spec_of(run).spec_id)
    assert len(attempts) == 2
    assert attempts[0].header.resumed_from_steps == 0
    assert attempts[1].header.resumed_from_steps > 8, "it started anew instead of resuming"
    assert recorded_rows(run, spec_of(run)) == undisturbed_rows(make_imagenet_training, spec_of(run))


def test_the_frames_have_the_final_and_the_best_accuracy(run: RunDirectory) -> None:
    loaded, rows = frames.load(run.root), recorded_rows(run, spec_of(run))
    trial = loaded.trials.iloc[0]
    for name in ("test_accuracy", "test_top5_accuracy"):
        measured = [row[name] for row in rows if row[name] is not None]
        assert (trial[name], trial[f"best_{name}"]) == (measured[-1], max(measured))
    assert len(loaded.epochs) == len(rows)
    assert trial["seconds"] > 0


def test_tensorboard_shows_curves_by_step(run: RunDirectory) -> None:
    board = EventAccumulator(str(run.tensorboard / spec_of(run).name)).Reload()
    rows = recorded_rows(run, spec_of(run))
    assert [event.step for event in board.Scalars("accuracy/train")] == [row["steps"] for row in rows]
    evaluated = [row["steps"] for row in rows if row["test_accuracy"] is not None]
    assert [event.step for event in board.Scalars("accuracy/test_top5")] == evaluated


def test_an_export_is_evaluated_to_what_the_run_measured(
    run: RunDirectory, places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = recorded_rows(run, spec_of(run))[-1]
    assert main(["export", str(run.root), spec_of(run).spec_id[:6], "--output", str(tmp_path)]) == 0
    weights, card = map(Path, capsys.readouterr().out.split())
    assert json.loads(card.read_text())["spec"] == spec_of(run).to_dict()
    for file in (weights, run.checkpoint(spec_of(run).spec_id)):
        assert main(["evaluate", str(file), *places[2:]]) == 0
        train, test = capsys.readouterr().out.splitlines()[-2:]
        assert train.split()[:4] == ["train", "48", *percent(last, "exact_train_accuracy", "exact_train_top5_accuracy")]
        assert test.split()[:4] == ["test", "18", *percent(last, "test_accuracy", "test_top5_accuracy")]


def percent(row: dict[str, Any], *names: str) -> list[str]:
    return [f"{row[name]:.2%}" for name in names]


def test_training_goes_on_from_a_checkpoint_in_a_run_of_its_own(
    run: RunDirectory, places: list[str], make_imagenet_training: Callable[..., Training]
) -> None:
    """The checkpoint was taken inside an epoch, which begins anew: steps and weights go on, in Ray as without it."""
    checkpoint = run.checkpoint(spec_of(run).spec_id)
    assert main(["train-from", str(checkpoint), *places, "--name", "further", "--max-steps", "30"]) == 0
    further = RunDirectory(Path(places[1], "further"))
    spec = spec_of(further)
    rows = recorded_rows(further, spec)
    assert [row["steps"] for row in rows] == [24, 26, 28, 30]
    assert [row["epoch"] for row in rows] == [3, 4, 4, 4]
    training = make_imagenet_training(**spec.to_dict())
    training.start_from(read_start(further.start_file(spec.spec_id), spec))
    expected = [record.to_dict() for record in training.records()]
    for name in ("train_loss", "test_loss", "learning_rate"):
        assert [row[name] for row in rows] == [row[name] for row in expected], name
    assert main(["resume", str(further.root)]) == 0, "it is a run like any other"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--max-steps", "20"], "max_steps = 20 is not allowed"),
        (["--max-steps", "30", "--width", "2"], "was made for another image size or width"),
        (["--max-steps", "30", "--optimizer", "rmsprop"], "holds the state of another one (momentum_buffer)"),
        (["--model", "mlp_1x512"], "width = 1 is not allowed: model 'mlp_1x512' does not have this option"),
        (
            ["--max-steps", "30", "--model", "alexnet", "--width", "none"],
            "auxiliary_weight = 0.0 is not allowed: model",
        ),
        (
            ["--max-steps", "30", "--model", "alexnet", "--width", "none", "--auxiliary-weight", "none"],
            "is another network than alexnet",
        ),
        (["--seed", "one"], "'one' is not allowed: a value of type int"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_in_one_line(
    run: RunDirectory, places: list[str], options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:  # argparse leaves by itself
        raise SystemExit(main(["train-from", str(run.checkpoint(spec_of(run).spec_id)), *places, *options]))
    error = capsys.readouterr().err
    assert exit.value.code == 2
    assert error.count("\n") == 1
    assert told in error


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["resume", "RUN", "--max-steps", "30"], "unrecognized arguments: --max-steps 30"),
        (["train-from", "nowhere.pt"], "nowhere.pt does not exist; give a file of weights"),
        (["export", "RUN", "abc"], "'abc' is not a trial of this run; choose from"),
        (["evaluate", "FILE", "--dataset", "fashion_mnist_mini"], "view = 'whole' is not allowed: fashion_mnist_mini"),
        (
            ["evaluate", "FILE", "--dataset", "fashion_mnist_mini", "--view", "centre"],
            "image_size = 299 is not allowed: fashion_mnist_mini",
        ),
        (["evaluate", "FILE", "--view", "all"], "view = 'all' is not allowed: centre or whole"),
        (["evaluate", "FILE", "--data-dir", "DATA", "--image-size", "100"], "inception_v3 needs 299 or more"),
        (["evaluate", "FILE"], "imagenet needs a data directory"),
        (["evaluate", "FILE", "--data-dir", "DATA", "--max-side", "298"], "image_size = 299 is not allowed"),
        (["prepare", "cifar10", "--max-side", "3"], "max_side is not allowed: cifar10 is not kept as JPEG"),
        (["prepare", "imagenet"], "imagenet needs a data directory"),
        (["prepare", "imagenet", "--data-dir", "nowhere"], "nowhere"),
        (["prepare", "imagenet", "--jpeg-quality", "101", "--data-dir", "."], "101"),
        (["prepare", "imagenet", "--jpeg-quality", "none", "--data-dir", "."], "jpeg_quality = None is not allowed"),
        (["prepare", "imagenet", "--writers", "0", "--data-dir", "."], "writers = 0 is not allowed"),
        (["evaluate", "FILE", "--device", "cuda"], "device = 'cuda' is not allowed: torch finds no GPU here"),
        (["run", "imagenet_regularization"], "imagenet needs a data directory"),
        (["run", "label_corruption", "--start-from", "ab"], "`rethink train-from FILE` starts from a file"),
        (["run", "label_corruption", "--gpus-per-trial", "2"], "a trial trains on one GPU"),
        (["run", "label_corruption", "--random-resized-crop", "on"], "random_resized_crop = True is not allowed"),
        (
            ["run", "label_corruption", "--view", "whole"],
            "view = 'whole' is not allowed: fashion_mnist_mini is not kept",
        ),
        (["run", "label_corruption", "--rotation", "181"], "rotation = 181.0 is not allowed: from 0 to 180 degrees"),
        (["run", "label_corruption", "--auxiliary-weight", "0"], "auxiliary_weight = 0.0 is not allowed: model "),
        (
            ["run", "label_corruption", "--protocol", "adam"],
            "protocol = 'adam' is not allowed: szegedy2016 or original",
        ),
        (["run", "label_corruption", "--jpeg-quality", "90"], "fashion_mnist_mini is not kept as JPEG"),
    ],
)
def test_day_one_mistakes_end_in_one_line(
    run: RunDirectory,
    command: list[str],
    told: str,
    ilsvrc: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = {"RUN": str(run.root), "FILE": str(run.checkpoint(spec_of(run).spec_id)), "DATA": str(ilsvrc)}
    with pytest.raises(SystemExit) as exit:
        raise SystemExit(main([paths.get(word, word) for word in command]))
    error = capsys.readouterr().err
    assert exit.value.code == 2
    assert error.count("\n") == 1
    assert told in error
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize("option", [["--name", "taken"], ["--storage", "/proc/nowhere"], ["--gpus-per-trial", "1"]])
def test_what_is_quick_to_check_is_checked_before_data_are_written(
    option: list[str], local_ray: None, ilsvrc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    storage = [] if option[0] == "--storage" else ["--storage", str(tmp_path)]
    places = [*storage, "--cache-dir", str(tmp_path / "cache"), "--data-dir", str(ilsvrc)]
    assert main(["run", "imagenet_regularization", "--smoke", *places, *option]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "cache").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_broken_image_ends_the_run_in_one_line_and_skip_broken_leaves_it_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = make_ilsvrc(tmp_path / "data", classes=2, train_per_class=4, val_per_class=1)
    broken = truncate(next((tree / "train").rglob("*_4.JPEG")))
    command = ["prepare", "imagenet", "--data-dir", str(tree), "--cache-dir", str(tmp_path / "cache")]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(broken) in error
    assert "--skip-broken" in error
    with pytest.warns(UserWarning, match=f"1 of 8 images are broken and were left out: train/.*{broken.name}"):
        assert main([*command, "--skip-broken"]) == 0
    assert "7 images" in (told := capsys.readouterr().out)
    assert "1 broken ones left out" in told
    assert main(command) == 2, "what was left out must be known to whoever trains on the rest"
    assert "--skip-broken" in capsys.readouterr().err


def test_preparing_says_what_lies_where(ilsvrc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form = ["--max-side", "200", "--jpeg-quality", "70", "--data-dir", str(ilsvrc), "--cache-dir", str(tmp_path)]
    assert main(["prepare", "imagenet", *form, "--writers", "1"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("imagenet: 6 classes, content ")
    for line, count in zip(told[1:], (48, 18), strict=True):
        assert f"{count} images" in line
        assert Path(line.split()[-1]).is_file()
        assert "imagenet-200-q70-" in line
