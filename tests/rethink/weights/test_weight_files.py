"""Files of weights: every kind is read, a misfit is explained, and no file runs code."""

import dataclasses
import hashlib
import itertools
import json
import math
import os
import pickle
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import safetensors.torch
import torch
from torch import nn
from torchvision import transforms
from torchvision.datasets import ImageFolder

from rethink.cli.command_line import main
from rethink.data.betons.beton import PreparedData
from rethink.data.places import DataPlaces
from rethink.data.trial_data import StreamPool
from rethink.errors import RethinkError
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete
from rethink.training.epoch_pass import epoch_order
from rethink.training.evaluation import Evaluator
from rethink.training.loop import Training
from rethink.trial.data_store import DataStore
from rethink.trial.settings import TrialSettings
from rethink.trial.trial import Trial
from rethink.weights.checkpoint_file import TrialState, read_checkpoint, write_checkpoint
from rethink.weights.compatibility import check_start, check_start_fits, check_weights_fit
from rethink.weights.continuation import sweep_from
from rethink.weights.evaluation import evaluate_weights, spec_to_evaluate, to_text
from rethink.weights.export import export_trial
from rethink.weights.export_card import card_path, card_text
from rethink.weights.reading import read_weights
from rethink.weights.weight_file import WeightFile
from tests.made_jpegs import save, wnid
from tests.made_record import made_record, stored_data


class Payload:
    """A pickle that runs a command when it is loaded without `weights_only`."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path, prepared: PreparedData) -> RunDirectory:
    """A run with one trial that ended by max_steps in mid-epoch, one that fitted, and one that never began."""
    torch.set_num_threads(1)
    run = RunDirectory(tmp_path_factory.mktemp("trained"))
    fields: dict[str, Any] = {"model": "mlp_1x512", "batch_size": 32, "train_samples": 100, "label_corruption": 0.3}
    specs = [complete({**fields, **further}) for further in ({"max_steps": 10, "evaluate_steps": 4}, {}, {"seed": 7})]
    about = stored_data(content_sha256=prepared.content_sha256, class_names=tuple(prepared.class_names))
    run.create(made_record(specs, data={"fashion_mnist_mini": about}))
    sha256 = {"fashion_mnist_mini": prepared.content_sha256}
    settings = TrialSettings(run=run.root, data_sha256=sha256, places=DataPlaces(cache_dir=cache_dir))
    for spec in specs[:2]:
        trial = Trial(spec, settings, DataStore(settings))
        trial.run_until(lambda: False)
        trial.close()
    return run


@pytest.fixture
def run(trained: RunDirectory, tmp_path: Path) -> RunDirectory:
    """A copy, to damage."""
    return RunDirectory(Path(shutil.copytree(trained.root, tmp_path / "run")))


@pytest.fixture
def exported(run: RunDirectory, tmp_path: Path) -> Path:
    return export_trial(run, specs_of(run)[0].spec_id, tmp_path / "out")[0]


def state_of(training: Training) -> TrialState:
    spec = training.spec
    said = {"run_id": "0", "spec_id": spec.spec_id, "spec": spec.to_dict(), "data_sha256": "0", "rows": []}
    return TrialState(**said, training=training.state_dict())


def specs_of(run: RunDirectory) -> list[TrialSpec]:
    return list(run.read_run().specs)


def refusal(action: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(RethinkError) as caught:
        action(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
def test_an_export_holds_the_checkpoints_weights_and_says_what_they_are(run: RunDirectory, tmp_path: Path) -> None:
    spec = specs_of(run)[0]
    weights, card = export_trial(run, spec.spec_id[:5], tmp_path / "out")
    file, checkpoint = read_weights(weights), read_weights(run.checkpoint(spec.spec_id))
    assert file.spec == checkpoint.spec == spec
    assert (file.epoch, file.steps, file.images_seen) == (2, 10, 100 + 100 + 64)
    assert file.model.keys() == checkpoint.model.keys()
    assert all(torch.equal(file.model[name], tensor) for name, tensor in checkpoint.model.items())
    told = json.loads(card.read_text())
    assert told["metrics"]["last_row"]["steps"] == 10
    assert told["metrics"]["last_row_is_of_these_weights"] is True
    assert told["metrics"]["stop_reason"] == "max_steps"
    rows = run.read_attempts(spec.spec_id)[0].rows
    best = max(row["test_accuracy"] for row in rows if row["test_accuracy"] is not None)
    assert told["metrics"]["best_on_the_test_set_so_far"]["test_accuracy"] == best
    assert "neither a result" in told["metrics"]["about_the_best"]
    assert told["data"]["class_names"][0] == "T-shirt/top"


def test_a_trial_is_found_by_name_or_id_and_otherwise_the_choices_are_named(run: RunDirectory, tmp_path: Path) -> None:
    first, second, idle = specs_of(run)
    assert export_trial(run, second.name, tmp_path)[0].name == f"{second.name}.safetensors"
    told = refusal(export_trial, run, "nothing", tmp_path)
    assert all(spec.spec_id in told for spec in (first, second, idle))
    assert "'nothing' is not a trial of this run; choose from" in told
    assert "has no checkpoint" in refusal(export_trial, run, idle.spec_id, tmp_path)


def test_evaluation_repeats_what_training_measured(run: RunDirectory, cache_dir: Path, tmp_path: Path) -> None:
    for spec in specs_of(run)[:2]:
        last = run.read_attempts(spec.spec_id)[0].rows[-1]
        for path in (run.checkpoint(spec.spec_id), export_trial(run, spec.spec_id, tmp_path)[0]):
            file = read_weights(path)
            result = evaluate_weights(file, spec_to_evaluate(file, {}), DataPlaces(cache_dir=cache_dir), "cpu")
            assert result.scores["train"].accuracy == last["exact_train_accuracy"]
            assert result.scores["train"].top5_accuracy == last["exact_train_top5_accuracy"]
            assert result.scores["test"].accuracy == last["test_accuracy"]
            assert result.scores["test"].top5_accuracy == last["test_top5_accuracy"]
            text = to_text(file, result)
            assert f"{last['test_accuracy']:.2%}" in text
            assert "labels corrupted at level 0.3" in text


def test_a_card_of_other_weights_or_none_is_refused(run: RunDirectory, tmp_path: Path) -> None:
    first, second = (export_trial(run, spec.spec_id, tmp_path)[0] for spec in specs_of(run)[:2])
    card_path(first).write_bytes(card_path(second).read_bytes())
    assert "describes other weights than" in refusal(read_weights, first)
    card_path(first).unlink()
    assert f"cannot read {card_path(first)}" in refusal(read_weights, first)
    content = second.read_bytes()
    for damaged in (content[:-10], content[:7], b"", content + b"\0", content[:5000] + b"\1" + content[5001:]):
        second.write_bytes(damaged)
        assert "or one of them is damaged" in refusal(read_weights, second)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda card: card.update(format="something"), "is of format 'something', version 1: only 'rethink-export'"),
        (lambda card: card.update(version=2), "is of format 'rethink-export', version 2: only"),
        (lambda card: card.pop("format"), "format is missing"),
        (lambda card: card.pop("spec"), "spec is missing"),
        (lambda card: card.pop("place"), "place is missing"),
        (lambda card: card.pop("card_sha256"), "card_sha256 is missing"),
        (lambda card: card.update(spec="x"), "spec = 'x' is not allowed"),
        (lambda card: card["spec"].update(label_corruption=7), "its spec: label_corruption = 7"),
        (lambda card: card["spec"].update(colour=7), "unknown field 'colour'"),
        (lambda card: card["data"].pop("content_sha256"), "data.content_sha256 is missing"),
        (lambda card: card["data"].update(content_sha256="x"), "data.content_sha256 = 'x' is not allowed"),
        (lambda card: card["data"].update(class_names=5), "data.class_names = 5 is not allowed"),
        (lambda card: card["data"].update(class_names=["a"]), "data.class_names has 1 names, data.classes is 10"),
        (lambda card: card["place"].update(steps="many"), "place.steps = 'many' is not allowed"),
        (lambda card: card["place"].update(steps=True), "place.steps = True is not allowed"),
        (lambda card: card["place"].update(epoch=-1), "place.epoch = -1 is not allowed"),
        (lambda card: card["place"].update(images_seen=2**60), "place.images_seen = 1152921504606846976 is not"),
        (lambda card: card["weights"].update(sha256=5), "weights.sha256 = 5 is not allowed"),
    ],
)
def test_a_card_of_another_form_is_refused_by_file_and_field(
    exported: Path, change: Callable[[dict[str, Any]], object], told: str
) -> None:
    card = json.loads(card_path(exported).read_text())
    change(card)
    card_path(exported).write_text(json.dumps(card))
    message = refusal(read_weights, exported)
    assert str(card_path(exported)) in message
    assert told in message


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"5", b"{}", bytes(range(256)), b"[" * 200_000, b'{"a": NaN}']
)
def test_a_card_that_is_none_is_refused(exported: Path, content: bytes) -> None:
    card_path(exported).write_bytes(content)
    assert f"{card_path(exported)} is not a card of exported weights" in refusal(read_weights, exported)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [("spec", "corruption_seed", 1), ("place", "images_seen", 7), ("data", "class_names", list("abcdefghij"))],
)
def test_a_value_of_a_card_that_was_altered_is_not_believed(exported: Path, part: str, field: str, value: Any) -> None:
    """Each value is possible for weights of this shape: only the card's own checksum reveals the change."""
    card = json.loads(card_path(exported).read_text())
    assert card[part][field] != value
    card[part][field] = value
    card_path(exported).write_text(json.dumps(card))
    assert f"{card_path(exported)} was altered" in refusal(read_weights, exported)


def signed(weights: Path) -> Path:
    """With a forged card of these weights that has a valid checksum."""
    card = json.loads(card_path(weights).read_text())
    card["weights"]["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    del card["card_sha256"]
    card_path(weights).write_bytes(card_text(card))
    return weights


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda weight: weight.fill_(math.nan), "1 of 4 tensors are not finite (NaN or infinity)"),
        (lambda weight: weight.index_fill_(0, torch.tensor(0), -math.inf), "1 of 4 tensors are not finite"),
        (lambda weight: weight.double(), "has type torch.float64, not torch.float32"),
        (lambda weight: weight.view(torch.int32), "has type torch.int32, not torch.float32"),
        (lambda weight: weight.T.contiguous(), "made for another image size or width"),
        (lambda weight: weight[:5].contiguous(), "made for another image size or width"),
        (None, "is another network than mlp_1x512: it lacks 1 weights"),
    ],
)
def test_weights_that_are_none_of_the_cards_network_are_refused(exported: Path, change: Any, told: str) -> None:
    """Though their card fits them."""
    model = safetensors.torch.load_file(exported)
    name = max(model, key=lambda key: model[key].numel())
    weight = model.pop(name)
    safetensors.torch.save_file({**model, **({name: change(weight)} if change else {})}, exported)
    message = refusal(read_weights, signed(exported))
    assert str(exported) in message
    assert told in message


def test_files_that_a_strange_hand_signed_are_refused_by_safetensors_own_checks(exported: Path) -> None:
    content = exported.read_bytes()
    for damaged in (content[:7], content[:-1], b"\xff" * 8 + content[8:], bytes(8) + content[8:], b""):
        exported.write_bytes(damaged)
        assert f"{exported} is damaged" in refusal(read_weights, signed(exported))


def test_what_is_no_plain_file_is_refused_unopened(exported: Path, run: RunDirectory, tmp_path: Path) -> None:
    spec = specs_of(run)[0]
    for path in (exported, run.checkpoint(spec.spec_id), tmp_path / "stranger.pth.tar"):
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        assert f"cannot read {path} (a pipe, not a plain file)" in refusal(read_weights, path)
        path.unlink()
        path.symlink_to("/dev/zero")
        assert f"cannot read {path} (a device, not a plain file)" in refusal(read_weights, path)
        path.unlink()
        path.mkdir()
        assert f"cannot read {path} (a folder, not a plain file)" in refusal(read_weights, path)
    assert "a folder, not a plain file" in refusal(export_trial, run, spec.spec_id, tmp_path)


def test_no_export_comes_of_a_checkpoint_that_is_damaged_or_not_the_trials_own(
    run: RunDirectory, tmp_path: Path
) -> None:
    first, second = specs_of(run)[:2]
    path, folder = run.checkpoint(first.spec_id), tmp_path / "out"
    content = path.read_bytes()
    path.write_bytes(content[:100_000] + bytes([content[100_000] ^ 1]) + content[100_001:])
    assert refusal(export_trial, run, first.spec_id, folder) == (
        f"{path} is damaged: its content is not what its checksum says"
    )
    path.write_bytes(run.checkpoint(second.spec_id).read_bytes())
    told = f"{path} is of another trial: spec id {second.spec_id}, not {first.spec_id}"
    assert refusal(export_trial, run, first.spec_id, folder) == told
    assert not folder.exists()


def test_weights_that_diverged_are_neither_read_nor_exported(run: RunDirectory, tmp_path: Path) -> None:
    spec = specs_of(run)[0]
    path = run.checkpoint(spec.spec_id)
    state, _ = read_checkpoint(path, TrialState)
    next(iter(state.training["model"].values())).fill_(math.nan)
    write_checkpoint(path, state)
    assert "1 of 4 tensors are not finite (NaN or infinity)" in refusal(read_weights, path)
    assert str(path) in refusal(export_trial, run, spec.spec_id, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def original_form(path: Path, network: nn.Module, prefix: str = "", **changed: Any) -> Path:
    """A checkpoint in the original project's form, after one step of its optimizer."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95)
    for weight in network.parameters():
        weight.grad = torch.full_like(weight, 1e-3)
    optimizer.step()
    content = {
        "epoch": 1,
        "model_state_dict": {f"{prefix}{name}": tensor for name, tensor in network.state_dict().items()},
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler_state_dict": scheduler.state_dict(),
        "step_count": 6,
    }
    torch.save({**content, **changed}, path)
    return path


def make_inception(classes: int) -> nn.Module:
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    return inception_v3(weights=None, init_weights=False, num_classes=classes)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def original_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return original_form(tmp_path_factory.mktemp("seed") / "augmented.pth.tar", make_inception(6), prefix="module.")


@pytest.mark.slow
def test_the_original_form_is_evaluated_as_torchvision_would(
    original_file: Path, ilsvrc: Path, cache_dir: Path, prepared_ilsvrc: PreparedData
) -> None:
    file = read_weights(original_file)
    assert (file.spec, file.epoch, file.steps) == (None, 1, 6)
    spec = spec_to_evaluate(file, {})
    assert (spec.model, spec.image_size, spec.dataset) == ("inception_v3", 299, "imagenet")
    result = evaluate_weights(file, spec, DataPlaces(ilsvrc, cache_dir), "cpu")
    theirs = make_inception(6)
    theirs.load_state_dict(dict(file.model))
    data = StreamPool(read_ahead=False).open(spec, prepared_ilsvrc)
    scores = Evaluator(theirs, torch.device("cpu"), "fp32").scores(data.train, data.subset)
    assert result.scores["train"].accuracy == scores.accuracy
    assert result.images == {"train": 48, "test": 18}
    text = to_text(file, result)
    assert f"{original_file} does not say how it was trained: by the original project's scripts" in text
    assert "imagenet, view whole, 299 pixels a side, normalization imagenet" in text


SIDES, MIDDLE = (480, 200), slice(150, 330)  # of an image: width and height, and the columns that the centre sees
COLOURS = [(200, 60, 60), (60, 200, 60), (60, 60, 200)]


def make_images_whose_middle_misleads(root: Path) -> Path:
    """Their sides have the colour of their class, the middle that of the next class: the centre view sees only that."""
    for folder, each in (("train", 3), ("val", 1)):
        for label in range(3):
            for number in range(each):
                noise = np.random.default_rng([label, number, each]).integers(-20, 20, 3)
                pixels = np.empty((SIDES[1], SIDES[0], 3), np.uint8)
                pixels[:] = np.array(COLOURS[label]) + noise
                pixels[:, MIDDLE] = np.array(COLOURS[(label + 1) % 3]) + noise
                save(PIL.Image.fromarray(pixels), root / folder / wnid(label) / f"{wnid(label)}_{number}.JPEG")
    return root


def by_torchvision(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """The images and labels of a folder as the original project's scripts read them."""
    scale = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    pipeline = transforms.Compose([transforms.Resize((299, 299)), transforms.ToTensor(), scale])
    images, labels = zip(*ImageFolder(str(folder), pipeline), strict=True)
    return torch.stack(images), torch.tensor(labels)


@pytest.fixture(scope="module")
def misleading(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Such images, and a file in the original project's form that tells their classes.

    Its last layer is fitted to the whole images, and to images of one colour.
    """
    root = make_images_whose_middle_misleads(tmp_path_factory.mktemp("misleading"))
    network = make_inception(3).eval()
    whole, labels = by_torchvision(root / "train")
    middles = whole[..., 149:150].expand_as(whole)  # of one colour, that of the next class
    images, labels = torch.cat([whole, middles]), torch.cat([labels, (labels + 1) % 3])
    classifier, network.fc = network.fc, nn.Identity()  # type: ignore[assignment]
    with torch.no_grad():
        features = network(images).double()
        mean, scale = features.mean(0), features.std(0).max()
        weight = torch.linalg.pinv((features - mean) / scale) @ nn.functional.one_hot(labels, 3).double()
        classifier.weight[:] = (weight / scale).T.float()
        classifier.bias[:] = (-(mean / scale) @ weight).float()
    network.fc = classifier
    path = root / "whole.pth.tar"
    empty = {"state": {}, "param_groups": []}
    content = {"epoch": 50, "model_state_dict": network.state_dict(), "optimizer_state_dict": empty, "step_count": 9}
    torch.save(content, path)
    return root, path


@pytest.mark.slow
def test_a_file_of_the_original_scores_what_its_own_scripts_would_say(
    misleading: tuple[Path, Path], tmp_path: Path
) -> None:
    root, path = misleading
    file = read_weights(path)
    network = make_inception(3).eval()
    network.load_state_dict(dict(file.model))
    scores = {}
    for view in ({}, {"view": "centre"}):
        result = evaluate_weights(file, spec_to_evaluate(file, view), DataPlaces(root, tmp_path), "cpu")
        scores[view.get("view")] = {name: own.accuracy for name, own in result.scores.items()}
    for name, folder in (("train", "train"), ("test", "val")):
        images, labels = by_torchvision(root / folder)
        with torch.no_grad():
            theirs = (network(images).argmax(1) == labels).double().mean().item()
        assert scores[None][name] == theirs == 1.0
        assert scores["centre"][name] == 0.0


@pytest.mark.slow
def test_training_goes_on_from_the_original_form_as_torch_alone_would(
    original_file: Path, prepared_ilsvrc: PreparedData, streams: StreamPool
) -> None:
    """Two steps by torchvision's network and torch's SGD, from the file's weights and momentum."""
    file = read_weights(original_file)
    fields = {"batch_size": 4, "evaluate_steps": 1, "train_samples": 8, "max_epochs": 2, "momentum": 0.9}
    (spec,) = sweep_from(file).specs("default", {name: [value] for name, value in fields.items()})
    assert (spec.learning_rate, spec.optimizer, spec.normalization) == (0.1, "sgd", "imagenet")
    assert (spec.view, spec.auxiliary_weight, spec.flip, spec.rotation) == ("whole", 0.0, False, 0.0)
    data = streams.open(spec, prepared_ilsvrc)
    training = Training(spec, data, torch.device("cpu"))
    training.start_from(file.start_state(spec))
    losses = []
    for item in itertools.islice(training.steps_and_records(), 2):
        assert item is not None
        losses.append(item.train_loss)
    assert (training.place.epoch, training.place.steps, training.place.images_seen) == (2, 8, 32)

    network = make_inception(6)
    network.dropout.p = 0.0  # type: ignore[union-attr]
    network.load_state_dict(dict(file.model))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    optimizer.load_state_dict(dict(file.optimizer or {}))
    optimizer.param_groups[0].update(lr=0.1, weight_decay=0.0)
    order = epoch_order(data.subset, spec.seed, 2)
    expected = []
    for batch in data.train.batches(order, 4):
        logits, auxiliary = network.train()(batch.images)
        loss = nn.functional.cross_entropy(logits, batch.labels)
        optimizer.zero_grad()
        assert auxiliary.shape == logits.shape, "it is computed, and has no weight"
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    assert losses == pytest.approx([expected[0], sum(expected) / 2], rel=1e-3)  # the second row is of the whole epoch


def test_what_does_not_fit_says_which(run: RunDirectory, original_file: Path, tmp_path: Path) -> None:
    checkpoint = read_weights(run.checkpoint(specs_of(run)[0].spec_id))
    small = complete({"model": "mlp_1x512", "image_size": 20})
    assert "image_size = 20" in refusal(check_weights_fit, checkpoint, small, 10)
    other = complete({"model": "alexnet_small"})
    assert "is another network than alexnet_small: it lacks" in refusal(check_weights_fit, checkpoint, other, 10)
    same = specs_of(run)[0]
    assert "has 10 classes, fashion_mnist_mini has 12" in refusal(check_weights_fit, checkpoint, same, 12)
    seeds = complete({"dataset": "imagenet", "model": "inception_v3"})
    assert "has 6 classes, imagenet has 1000" in refusal(check_weights_fit, read_weights(original_file), seeds, 1000)
    narrow = complete({"dataset": "imagenet", "model": "inception_v3", "width": 8})
    assert "another image size or width" in refusal(check_weights_fit, read_weights(original_file), narrow, 6)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"epoch": "x"}, "epoch = 'x' is not allowed"),
        ({"epoch": -1}, "epoch = -1 is not allowed"),
        ({"step_count": 10**30}, "step_count = 1000"),
        ({"step_count": True}, "step_count = True is not"),
        ({"step_count": np.int64(6)}, "it asks to run numpy"),
        ({"model_state_dict": {"weight": 1.0}}, "model_state_dict[...] = 1.0 is not allowed: expected `Tensor`"),
        ({"model_state_dict": [1]}, "model_state_dict = [1] is not allowed"),
        ({"model_state_dict": {"weight": torch.ones(1).expand(10**6, 10**6)}}, "declares 1,000,000,000,000 numbers"),
        ({"model_state_dict": {"weight": torch.ones(10**6, 10**6, device="meta")}}, "is not an array of numbers"),
        ({"model_state_dict": {"weight": torch.eye(2).to_sparse()}}, "is not an array of numbers"),
        ({"model_state_dict": {"weight": torch.ones(2, dtype=torch.complex64)}}, "is not an array of numbers"),
        ({"model_state_dict": {"weight": torch.tensor([1.0, math.nan])}}, "1 of 1 tensors are not finite"),
        ({"optimizer_state_dict": None}, "optimizer_state_dict = None is not"),
        ({"optimizer_state_dict": {"state": [], "param_groups": {}}}, "optimizer_state_dict.state = [] is not"),
        ({"optimizer_state_dict": {"state": {}}}, "optimizer_state_dict.param_groups is missing"),
    ],
)
def test_what_a_file_in_the_original_form_says_wrong_is_named(
    tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    path = original_form(tmp_path / "small.pth.tar", nn.Linear(2, 2), **changed)
    message = refusal(read_weights, path)
    assert str(path) in message
    assert told in message


@pytest.mark.parametrize(
    "how", ["torch", "pickle 2", "pickle 4", "in the original project's form", "behind a right checksum"]
)
def test_a_payload_is_refused_in_one_line_and_never_run(tmp_path: Path, how: str) -> None:
    trace, path = tmp_path / "trace", tmp_path / "stranger.pth.tar"
    if how in ("torch", "behind a right checksum"):
        torch.save(Payload(trace), path)
        checksum = hashlib.sha256(path.read_bytes()).digest()
        path.write_bytes(path.read_bytes() + (b"rethink-checkpoint\0\1" + checksum if how != "torch" else b""))
    elif how.startswith("pickle"):
        path.write_bytes(pickle.dumps(Payload(trace), protocol=int(how[-1])))
    else:
        original_form(path, nn.Linear(2, 2), scheduler_state_dict=Payload(trace))
    told = refusal(read_weights, path)
    asks = "it is not an export" if how == "pickle 4" else "it asks to run posix.system"  # 4: torch stops before that
    assert told.startswith(f"{path} is refused: {asks}")
    assert not trace.exists()
    careless = how.startswith("pickle")
    assert (pickle.loads(path.read_bytes()) if careless else torch.load(path, weights_only=False)) is not None  # noqa: S301
    assert trace.exists(), "the payload would not have run: the test proves nothing"


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 half a zip", b"\x80\x02}."])
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.pt"
    path.write_bytes(content)
    assert f"{path} is refused: it is not an export" in refusal(read_weights, path)
    assert "cannot read" in refusal(read_weights, tmp_path / "none.pt")
    torch.save({"weights": torch.ones(2)}, path)
    assert "it is not an export" in refusal(read_weights, path)


def test_a_trial_that_starts_from_a_file_goes_on_with_its_optimizer_epoch_and_steps(
    make_training: Callable[..., Training], run: RunDirectory
) -> None:
    """From a checkpoint at the end of an epoch it gives the rows that the checkpoint's own trial would give."""
    source = make_training(max_epochs=5, dropout=0.5)
    records = source.records()
    for _ in range(2):
        next(records)
    expected = [record.to_dict() for record in records]
    again = make_training(max_epochs=5, dropout=0.5)
    ended = again.records()
    for _ in range(2):
        next(ended)
    path = run.root / "state.pt"
    write_checkpoint(path, state_of(again))
    file = read_weights(path)
    started = make_training(max_epochs=5, dropout=0.5, start_from=file.sha256)
    started.start_from(file.start_state(started.spec))
    rows = [record.to_dict() for record in started.records()]
    for name in ("epoch", "steps", "images_seen", "learning_rate", "train_loss", "test_loss", "test_accuracy"):
        assert [row[name] for row in rows] == [row[name] for row in expected], name
    assert [row["row"] for row in rows] == [1, 2, 3]


def test_the_state_of_another_optimizer_is_refused(run: RunDirectory) -> None:
    file = read_weights(run.checkpoint(specs_of(run)[0].spec_id))
    other = complete({"model": "mlp_1x512", "optimizer": "rmsprop"})
    assert "holds the state of another one (momentum_buffer)" in refusal(check_start, file, other)


def changed_checkpoint(run: RunDirectory, change: Callable[[dict[str, Any]], None]) -> WeightFile:
    """A forged checkpoint with a valid checksum."""
    path = run.checkpoint(specs_of(run)[0].spec_id)
    state, _ = read_checkpoint(path, TrialState)
    change(state.training)
    write_checkpoint(path.with_name("changed.pt"), state)
    return read_weights(path.with_name("changed.pt"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state["optimizer"]["state"][0].update(momentum_buffer=torch.ones(3)), "fits no weight of"),
        (
            lambda state: state["optimizer"]["state"].update({9: {"momentum_buffer": torch.ones(3)}}),
            "fits no weight of",
        ),
        (lambda state: state["optimizer"]["param_groups"][0].update(params=[1, 0, 2, 3]), "in groups, or of other"),
        (
            lambda state: state["optimizer"].update(
                param_groups=[{"params": [0, 2]}, {"params": [1, 3]}]  # state is then numbered in another order
            ),
            "in groups, or of other weights",
        ),
    ],
    ids=["shape", "number", "order", "groups"],
)
def test_an_optimizers_state_that_is_not_of_these_weights_is_refused(
    run: RunDirectory, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    """torch's fused steps would read outside it, or assign it to other weights of the same shape."""
    spec = specs_of(run)[0]
    check_start_fits(read_weights(run.checkpoint(spec.spec_id)), spec, 10)
    assert told in refusal(check_start_fits, changed_checkpoint(run, change), spec, 10)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.update(model=[1, 2]),
        lambda state: state["model"].update(extra="text"),
        lambda state: state.update(epoch="x"),
        lambda state: state.update(steps=-5),
        lambda state: state["optimizer"].pop("state"),
        lambda state: state["optimizer"].update(state=[1]),
        lambda state: state["optimizer"].update(param_groups={}),
    ],
)
def test_a_malformed_file_is_refused_in_one_line(run: RunDirectory, change: Callable[[dict[str, Any]], None]) -> None:
    assert "is damaged" in refusal(changed_checkpoint, run, change)


def test_an_evaluation_says_when_the_images_are_not_those_of_the_training(
    run: RunDirectory, cache_dir: Path, tmp_path: Path
) -> None:
    weights, card = export_trial(run, specs_of(run)[0].spec_id, tmp_path)
    told = json.loads(card.read_text())
    own, other = read_weights(weights), dataclasses.replace(read_weights(weights), data={"content_sha256": "ab"})
    for file, noted in ((own, False), (other, True)):
        result = evaluate_weights(file, spec_to_evaluate(file, {}), DataPlaces(cache_dir=cache_dir), "cpu")
        assert ("not the images" in to_text(file, result)) == noted
    names = ["Trouser", "T-shirt/top", *told["data"]["class_names"][2:]]
    swapped = dataclasses.replace(own, data={**told["data"], "class_names": names})
    spec = spec_to_evaluate(own, {})
    message = refusal(evaluate_weights, swapped, spec, DataPlaces(cache_dir=cache_dir), "cpu")
    assert "class 0 of" in message
    assert "is 'Trouser', of fashion_mnist_mini 'T-shirt/top'" in message


def test_an_evaluation_says_when_outputs_are_beyond_all_numbers(
    run: RunDirectory, cache_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The weights are still finite."""
    path = run.checkpoint(specs_of(run)[0].spec_id)
    arguments = ["evaluate", str(path), "--cache-dir", str(cache_dir)]
    with warnings.catch_warnings(action="error"):
        assert main(arguments) == 0
    state, _ = read_checkpoint(path, TrialState)
    for weight in state.training["model"].values():
        weight.mul_(1e25)
    write_checkpoint(path, state)
    with pytest.warns(UserWarning, match="its loss on the (train|test) images") as caught:
        assert main(arguments) == 0
    told = [f"{path}: its loss on the {name} images is not finite: ignore the accuracy" for name in ("train", "test")]
    assert [str(warning.message) for warning in caught] == told


def test_another_protocol_or_data_set_leaves_no_settings_of_the_first(run: RunDirectory) -> None:
    file = read_weights(run.checkpoint(specs_of(run)[0].spec_id))

    def spec_with(**fields: Any) -> TrialSpec:
        overrides = {name: [value] for name, value in fields.items()}
        (spec,) = sweep_from(file, overrides).specs("default", overrides)
        return spec

    kept, published = spec_with(), spec_with(protocol="szegedy2016")
    assert (kept.optimizer, kept.learning_rate, kept.batch_size) == ("sgd", 0.01, 32)
    assert (published.optimizer, published.learning_rate, published.gradient_clip) == ("rmsprop", 0.045, 2.0)
    assert spec_with(protocol="szegedy2016", learning_rate=0.3).learning_rate == 0.3
    moved = spec_with(dataset="imagenet")
    assert (moved.max_side, moved.jpeg_quality) == (500, 90)
