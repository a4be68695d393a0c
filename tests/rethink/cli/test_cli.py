"""The command line: values that no trial can run with end in one line and status 2, before anything starts."""

import subprocess
from pathlib import Path

import pytest
import ray

from rethink.cli.command_line import main
from rethink.cli.option_groups import RUN_VALUES, SPEC_GROUPS
from rethink.cli.plugins import sweep_module, sweep_names
from rethink.cli.run_commands import run_sweep
from rethink.errors import SpecError
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.spec import TrialSpec
from rethink.spec.fields import fields_of
from rethink.sweep.recipes import complete
from rethink.sweep.sweep import Sweep
from rethink.training.cost import expected_cost, flops_per_image
from tests.made_record import made_record

SWEEP = Sweep(
    name="tiny",
    about="for tests",
    variants={
        "default": [{"model": "mlp_1x512", "label_corruption": [0.0, 1.0]}, {"model": "alexnet_small", "seed": [1]}],
        "small": [{"model": "mlp_1x512", "train_samples": 100}],
    },
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--label-corruption", "1.2"], "label_corruption = 1.2 is not allowed: in [0, 1]"),
        (["--label-corruption", "half"], "'half' is not allowed: a value of type float"),
        (["--small", "--model", "resnet"], "unknown model 'resnet'; choose from alexnet, alexnet_small,"),
        (
            ["--model", "wide_resnet"],
            "model = 'wide_resnet' is not allowed: the settings here are those of mlp_1x512, al",
        ),
        (["--dataset", "mnist"], "unknown data set 'mnist'; choose from cifar10,"),
        (["--train-samples", "5001"], "train_samples = 5001 is not allowed: fashion_mnist_mini has 5000"),
        (["--image-size", "29"], "image_size = 29 is not allowed: fashion_mnist_mini has images of 28 pixels"),
        (["--batch-norm", "on"], "batch_norm = True is not allowed"),
        (["--batch-norm", "maybe"], "'maybe' is not allowed: on or off"),
        (["--random-crop", "on", "--crop-padding", "0"], "crop_padding = 0 is not allowed: images of 28 pixels are"),
        (["--crop-padding", "4"], "crop_padding = 4 is not allowed: a number with random_crop"),
        (["--pixel-corruption", "blurred"], "pixel_corruption = 'blurred' is not allowed: none or shuffled_pixels"),
        (["--precision", "fp8"], "precision = 'fp8' is not allowed: fp32 or bf16"),
        (["--small", "--model", "wide_resnet", "--depth", "11"], "depth = 11 is not allowed"),
        (["--dataset", "image_folder"], "image_size is missing"),
        (["--seed", "-1"], "seed = -1 is not allowed"),
        (["--storage", "/proc/nowhere"], "storage /proc/nowhere cannot be written"),
        (["--storage", __file__], "cannot be written"),
        (["--storage", "/tmp/" + "s" * 300], f"storage /tmp/{'s' * 300} cannot be written: File name too long"),
        (["--cpus-per-trial", "1000"], "cpus_per_trial = 1000 is not allowed: the largest node has"),
        (["--gpus-per-trial", "1"], "gpus_per_trial = 1 is not allowed: the largest node has 0"),
        (["--cpus-per-trial", "0"], "cpus_per_trial = 0.0 is not allowed: from 0.0001 to 10000"),
        (["--report-seconds", "-1"], "report_seconds = -1.0 is not allowed: from 0 to 1000000"),
        (["--name", "a/b"], "name = 'a/b' is not allowed"),
        (["--name", ""], "name = '' is not allowed"),
        (["--name", "~"], "name = '~' is not allowed"),
        (["--name", "\x1b[31m"], r"name = '\x1b[31m' is not allowed"),
        (["--name", "n" * 201], "is not allowed: at most 200 bytes long"),
        (["--storage", ""], "argument --storage: '' is not allowed: a folder of this machine"),
        (["--storage", "s3://bucket/runs"], "argument --storage: 's3://bucket/runs' is not allowed: a folder of this"),
        (["--cache-dir", " "], "argument --cache-dir: ' ' is not allowed: a folder of this machine"),
        (["--data-dir", "~nobody-of-this-name/x"], "argument --data-dir: '~nobody-of-this-name/x' is not allowed: no"),
        (
            ["--data-dir", "/x"],
            "data_dir = '/x' is not allowed: fashion_mnist_mini reads no data directory; choose",
        ),
        (["--seed", "1", "--seed", "2"], "argument --seed: given twice; once, as --seed SEED ..., is allowed"),
        (
            ["--max-failures=1", "--max-failures", "2"],
            "argument --max-failures: given twice; once, as --max-failures RESTARTS, is allowed",
        ),
        (["--weight-decay", "-inf"], "weight_decay = -inf is not allowed"),
        (["--weight-decay", "-1e-4"], "weight_decay = -0.0001 is not allowed: 0 or more"),
        (["--cpus-per-trial", "-inf"], "cpus_per_trial = -inf is not allowed: from 0.0001 to 10000"),
        (["--cpus-per-trial", "1e-9"], "cpus_per_trial = 1e-09 is not allowed: from 0.0001 to 10000"),
        (
            ["--cpus-per-trial", "0.00015"],
            "cpus_per_trial = 0.00015 is not allowed: Ray shares out multiples",
        ),
        (["--checkpoint-seconds", "inf"], "checkpoint_seconds = inf is not allowed: from 0 to 1000000"),
        (
            ["--max-failures", "1" + "0" * 400],
            "max_failures = a number of 401 digits is not allowed: from 0 to 1",
        ),
        (["--writers", "1001"], "writers = 1001 is not allowed: from 1 to 1000"),
        (["--train-samples", "9" * 5000], "9999' (5,002 characters) is not allowed: a value of type int"),
        (["--max-epochs", str(2**63)], "max_epochs = 9223372036854775808 is not allowed: from 1 to 1000000000"),
        (["--image-size", str(10**12)], "image_size = 1000000000000 is not allowed: from 1 to 10000"),
        (
            ["--small", "--model", "wide_resnet", "--depth", "100000"],
            "depth = 100000 is not allowed: from 1 to 1000",
        ),
        (["--smal"], "unrecognized arguments: --smal (nearest: --small)"),
        (["--lable-corruption", "1"], "unrecognized arguments: --lable-corruption 1 (nearest: --label-corruption)"),
        (["--small", "--model", "wide_resent"], "mlp_3x512, wide_resnet (nearest: wide_resnet)"),
        (["--model", "alexnet-small"], "alexnet_small (nearest: alexnet_small); a sweep of your own takes any model"),
        (["--pixel-corruption", "shuffled"], "random_pixels or gaussian"),
        (["--pixel-corruption", "gausian"], "random_pixels or gaussian (nearest: gaussian)"),
        (["--protocol", "szegedy2015"], "szegedy2016 or original (nearest: szegedy2016)"),
    ],
)
def test_bad_values_end_in_one_line(
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    cache_dir: Path,
    local_ray: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RETHINK_STORAGE", str(tmp_path))
    cached = [] if "--cache-dir" in options else ["--cache-dir", str(cache_dir)]
    with pytest.raises(SystemExit) as exit:  # argparse exits by itself
        raise SystemExit(run_sweep(SWEEP, [*cached, *options]))
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert len(error) < 700
    assert message in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["run", "imagenet_regularization"],
        ["resume"],
        ["train-from"],
        ["prepare"],
        ["export"],
        ["evaluate"],
        ["figures"],
        ["query"],
        ["report"],
    ],
    ids=" ".join,
)
def test_help_is_given(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main([*command, "--help"])
    assert exit.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: {' '.join(['rethink', *command[:1]])}")
    assert max(len(line) for line in text.splitlines()) <= 100


@pytest.mark.parametrize("command", [["run", "label_corruption"], ["train-from"]], ids=" ".join)
def test_every_field_is_an_option_with_its_own_help_but_one_that_nobody_can_use(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10000")  # no help text is broken
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    options = [" ".join(option.split()) for option in capsys.readouterr().out.split("\n  --")]
    for field in (*fields_of(TrialSpec).values(), *fields_of(RunOptions).values()):
        begin = f"{field.name.replace('_', '-')} "
        helps = [option for option in options if option.startswith(begin) and field.doc in option]
        assert len(helps) == (field.name != "start_from"), field.name
    assert "--start-from" not in " ".join(options)


@pytest.mark.parametrize("values", [[], ["ab"], ["ab", "cd"]], ids=len)
def test_who_asks_to_start_from_a_file_is_told_how(values: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["run", "label_corruption", "--start-from", *values])
    assert exit.value.code == 2
    told = "argument --start-from: not allowed: `rethink train-from FILE` starts from a file"
    assert capsys.readouterr().err == f"rethink run label_corruption: {told}\n"


def test_an_unknown_sweep_names_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["run", "label_corruptoin"])
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert f"is not allowed: {', '.join(sweep_names())} (nearest: label_corruption)" in error


def test_a_mistyped_option_of_any_command_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["figures", "runs/x", "--ouput", "y"])
    assert exit.value.code == 2
    assert capsys.readouterr().err == "rethink figures: unrecognized arguments: --ouput y (nearest: --output)\n"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["--hlep"], "rethink: unrecognized arguments: --hlep (nearest: --help)"),
        (["run", "--smoke"], f"rethink: run: a sweep comes before --smoke: {', '.join(sweep_names())}"),
        (["completion", "fish"], "rethink completion: argument SHELL: 'fish' is not allowed: bash, zsh, tcsh"),
    ],
)
def test_what_comes_too_early_or_is_no_choice_is_told(
    command: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        main(command)
    assert exit.value.code == 2
    assert capsys.readouterr().err == f"{told}\n"


@pytest.mark.parametrize("command", [[], ["--help"], ["run"], ["run", "--help"]], ids=" ".join)
def test_the_sweeps_are_listed_each_with_its_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:  # argparse ends --help by itself
        raise SystemExit(main(command))
    assert exit.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name in sweep_names():
        assert f"{name} {sweep_module(name).SWEEP.about.rstrip('.')}" in shown


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("name", sweep_names())
def test_a_sweeps_help_says_what_it_reproduces_its_variants_and_what_each_option_defaults_to(
    name: str, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        main(["run", name, "--help"])
    text, sweep = capsys.readouterr().out, sweep_module(name).SWEEP
    flowing = " ".join(text.split())
    assert f"Reproduces {sweep.figure}." in flowing
    for variant, took in sweep.took.items():
        option = "Default:" if variant == "default" else f"--{variant}"
        assert f"{option} {len(sweep.specs(variant, {})):,} trials, {took}" in flowing
    levels = dict.fromkeys(f"{spec.label_corruption:g}" for spec in sweep.specs("default", {}))
    assert f"label corruption level p in [0, 1] (default: {' '.join(levels)})" in flowing
    assert "V ..." not in text
    assert len(text[text.index("examples:") :].splitlines()) == 4
    commands = [line for line in text.splitlines() if line.startswith("  rethink run")]
    for line in set(text.splitlines()) - set(commands):
        assert len(line) <= max(columns, 60)


def test_each_option_stands_in_one_group_with_a_name_for_its_value() -> None:
    fields = [name for group in SPEC_GROUPS.values() for name in group]
    assert sorted(fields) == sorted(set(fields_of(TrialSpec)) - {"start_from"})
    assert RUN_VALUES.keys() == fields_of(RunOptions).keys()


@pytest.mark.parametrize("command", ["resume", "figures"])
def test_a_folder_that_is_no_run_ends_in_one_line(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([command, str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_existing_run_is_not_overwritten(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, cache_dir: Path, local_ray: None
) -> None:
    (tmp_path / "run").mkdir()
    assert run_sweep(SWEEP, ["--storage", str(tmp_path), "--cache-dir", str(cache_dir), "--name", "run"]) == 2
    assert "exists; choose another --name" in capsys.readouterr().err


@pytest.mark.parametrize("said", ["option", "environment"])
def test_a_home_in_the_storage_is_expanded(
    said: str, tmp_path: Path, cache_dir: Path, local_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No shell expands `--storage=~/x`. The run stops before its first trial; the test checks where it looked."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RETHINK_STORAGE", "~/runs" if said == "environment" else "/proc/nowhere")
    (tmp_path / "runs/taken").mkdir(parents=True)
    options = ["--storage=~/runs"] if said == "option" else []
    assert run_sweep(SWEEP, [*options, "--cache-dir", str(cache_dir), "--name", "taken"]) == 2
    assert not Path("~").exists()


def test_a_blank_storage_of_the_environment_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETHINK_STORAGE", " ")
    assert run_sweep(SWEEP, []) == 2
    assert "RETHINK_STORAGE: ' ' is not allowed: a folder of this machine" in capsys.readouterr().err


def test_a_data_directory_that_one_of_the_data_sets_reads_is_taken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, local_ray: None
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    both = ["--dataset", "fashion_mnist_mini", "cifar10", "--data-dir", str(data), "--cache-dir", str(tmp_path)]
    assert run_sweep(SWEEP, ["--storage", str(tmp_path / "runs"), *both]) == 2
    assert f"cifar10: {data} is empty; give a data directory that holds cifar-10-batches-py/" in capsys.readouterr().err


def test_blocks_are_crossed_and_united_without_repetition() -> None:
    specs = SWEEP.specs("default", {})
    assert [(s.model, s.label_corruption, s.seed) for s in specs] == [
        ("mlp_1x512", 0.0, 0),
        ("mlp_1x512", 1.0, 0),
        ("alexnet_small", 0.0, 1),
    ]
    overridden = SWEEP.specs("default", {"seed": [4], "label_corruption": [0.0], "momentum": [0.5, 0.9]})
    assert [(s.model, s.seed, s.momentum) for s in overridden] == [
        ("mlp_1x512", 4, 0.5),
        ("mlp_1x512", 4, 0.9),
        ("alexnet_small", 4, 0.5),
        ("alexnet_small", 4, 0.9),
    ]
    same_twice = Sweep("twice", "for tests", {"default": [{"model": "mlp_1x512"}, {"model": "mlp_1x512", "seed": 1}]})
    assert len(same_twice.specs("default", {"seed": [4]})) == 1


def test_a_model_keeps_the_settings_of_its_own_blocks() -> None:
    """A block written for another model is not used for it; a variant of one model accepts any other model."""
    (alexnet,) = SWEEP.specs("default", {"model": ["alexnet_small"]})
    assert (alexnet.model, alexnet.label_corruption, alexnet.seed) == ("alexnet_small", 0.0, 1)
    both = SWEEP.specs("default", {"model": ["alexnet_small", "mlp_1x512"]})
    assert both == SWEEP.specs("default", {})
    (other,) = SWEEP.specs("small", {"model": ["mlp_3x512"]})
    assert (other.model, other.train_samples) == ("mlp_3x512", 100)
    with pytest.raises(SpecError, match="mlp_3x512"):
        SWEEP.specs("default", {"model": ["mlp_1x512", "mlp_3x512"]})


def test_what_a_sweep_leaves_open_is_the_models_and_data_sets_own() -> None:
    spec = complete({"model": "inception_small", "dataset": "cifar10"})
    assert (spec.learning_rate, spec.image_size, spec.batch_norm) == (0.1, 28, True)
    assert complete({"model": "mlp_1x512", "learning_rate": 0.5}).learning_rate == 0.5
    assert complete({"model": "mlp_1x512", "dataset": "image_folder", "image_size": 64}).image_size == 64
    on_imagenet = complete({"model": "alexnet", "dataset": "imagenet"})
    assert (on_imagenet.image_size, on_imagenet.max_side, on_imagenet.jpeg_quality) == (224, 500, 90)
    assert complete({"model": "mlp_1x512", "dataset": "imagenet"}).image_size == 299
    assert complete({"model": "mlp_1x512", "dataset": "imagenet", "max_side": None}).max_side is None
    with pytest.raises(SpecError, match="unknown variant"):
        SWEEP.specs("paper", {})


def test_a_protocol_fills_what_is_left_open_and_is_recorded_in_numbers() -> None:
    published = complete({"model": "inception_v3", "dataset": "imagenet", "protocol": "szegedy2016"})
    assert (published.optimizer, published.learning_rate, published.learning_rate_decay) == ("rmsprop", 0.045, 0.94)
    assert (published.decay_images, published.gradient_clip) == (2 * 1_281_167, 2.0)
    seeds = complete({"model": "inception_v3", "dataset": "imagenet", "protocol": "original", "learning_rate": 0.3})
    assert (seeds.optimizer, seeds.learning_rate, seeds.momentum) == ("sgd", 0.3, 0.9)
    assert (seeds.learning_rate_decay, seeds.decay_images) == (0.95, 1_281_167)
    assert (seeds.batch_size, seeds.normalization, seeds.image_size) == (32, "imagenet", 299)
    assert (seeds.view, seeds.auxiliary_weight, seeds.flip, seeds.rotation) == ("whole", 0.0, False, 0.0)
    elsewhere = complete({"model": "alexnet_small", "protocol": "original"})
    assert (elsewhere.view, elsewhere.auxiliary_weight) == ("centre", None), "neither is there"
    kept = complete({"model": "inception_v3", "dataset": "imagenet", "protocol": "original", "view": "centre"})
    assert kept.view == "centre"
    with pytest.raises(SpecError, match=r"auxiliary_weight = 0.4 is not allowed: model 'alexnet' has no auxiliary"):
        complete({"model": "alexnet", "dataset": "imagenet", "auxiliary_weight": 0.4})
    with pytest.raises(SpecError, match="protocol = 'adam' is not allowed: szegedy2016 or original"):
        complete({"model": "inception_v3", "protocol": "adam"})


def test_flops_are_those_of_a_hand_count() -> None:
    mlp = complete({"model": "mlp_1x512"})
    assert flops_per_image(mlp, 10) == 2 * (2352 * 512 + 512 * 10)
    clean, noise = (expected_cost(complete({"model": "mlp_1x512", "label_corruption": p}), 1000, 10) for p in (0, 1))
    assert noise == 3 * clean
    assert expected_cost(mlp, 2000, 10) == 2 * clean
    ten_steps = complete({"model": "mlp_1x512", "max_steps": 10, "batch_size": 32})
    assert expected_cost(ten_steps, 1000, 10) == 320 * flops_per_image(mlp, 10)


def test_ray_was_not_started_by_a_refusal(local_ray: None) -> None:
    assert ray.is_initialized()


@pytest.mark.parametrize("command", ["figures", "report"])
def test_a_run_json_that_lacks_an_entry_is_named(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_text('{"format": 1, "specs": [], "sweep": "tiny"}')
    assert main([command, str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "run.json is damaged (run_id is missing)" in error
    assert not (tmp_path / "figures").exists()


def test_runs_of_one_name_are_refused_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for parent in ("a", "b"):
        run = RunDirectory(tmp_path / parent / "run")
        run.root.mkdir(parents=True)
        run.create(made_record())
    assert main(["figures", str(tmp_path / "a/run"), str(tmp_path / "b/run")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "names" in error


def test_a_replicate_ties_all_seeds_together_over_levels() -> None:
    replicated = Sweep(
        "replicated",
        "for tests",
        {"default": [{"model": "mlp_1x512", "label_corruption": [0, 1], "replicate": range(2)}]},
    )
    specs = replicated.specs("default", {})
    assert [(s.label_corruption, s.subset_seed, s.corruption_seed, s.seed) for s in specs] == [
        (0.0, 0, 0, 0),
        (0.0, 1, 1, 1),
        (1.0, 0, 0, 0),
        (1.0, 1, 1, 1),
    ]
    crossed = replicated.specs("default", {"seed": [7, 8], "label_corruption": [0], "replicate": [5]})
    assert [(s.subset_seed, s.corruption_seed, s.seed) for s in crossed] == [(5, 5, 7), (5, 5, 8)]
    assert complete({"model": "mlp_1x512", "replicate": 0}) == complete({"model": "mlp_1x512"})


@pytest.mark.parametrize("number", [-1, 2**32, 1.5, True])
def test_a_replicate_is_a_seed(number: float) -> None:
    with pytest.raises(SpecError, match=f"replicate = {number!r} is not allowed: a whole number from 0 to 4294967295"):
        complete({"model": "mlp_1x512", "replicate": number})


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["fig"], "figures"),
        (["run", "imp"], "implicit_regularization"),
        (["run", "label_corruption", "--label-c"], "--label-corruption"),
        (["run", "learning_rate", "--pap"], "--paper"),
        (["figures", "--outp"], "--output"),
    ],
    ids=" ".join,
)
def test_bash_completes_commands_sweeps_and_options(
    typed: list[str], offered: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    words = f"COMP_WORDS=(rethink {' '.join(typed)}); COMP_CWORD={len(typed)}"
    script = f'{capsys.readouterr().out}\n{words}\n_shtab_rethink\necho "${{COMPREPLY[@]}}"'
    completed = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert completed.stdout.split() == [offered]
