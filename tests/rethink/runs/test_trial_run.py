"""The trial run: what breaks a model's contract is refused in one line before anything starts, and nothing else is."""

import os
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from rethink import models
from rethink.errors import SpecError
from rethink.models import ModelEntry, registry
from rethink.runs import trial_run
from rethink.runs.trial_run import check_last_batches, check_own_models
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete
from rethink.training.cost import expected_cost, flops_per_image

SIDE = 8
INPUTS = 3 * SIDE * SIDE

Build = Callable[..., Any]


def linear(classes: int, *before: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), *before, nn.Linear(INPUTS, classes))


def good(spec: TrialSpec, input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    return linear(classes)


def with_batch_norm(spec: TrialSpec, input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    return linear(classes, nn.BatchNorm1d(INPUTS))


class Products(nn.Module):
    """A linear network written with * and sum, which torch counts no operations of."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, INPUTS) * 0.01)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images.flatten(1)[:, None] * self.weight).sum(-1)


class Changed(nn.Module):
    """A good network whose logits go through a function of (itself, logits)."""

    def __init__(self, classes: int, change: Callable[["Changed", torch.Tensor], Any]) -> None:
        super().__init__()
        self.body = linear(classes)
        self.change = change
        self.steps = 0

    def forward(self, images: torch.Tensor) -> Any:
        self.steps += self.training
        return self.change(self, self.body(images))


def changed(change: Callable[[Changed, torch.Tensor], Any]) -> Build:
    return lambda spec, input_shape, classes: Changed(classes, change)


def raising(error: BaseException) -> Any:
    raise error


def without_gradients(spec: TrialSpec, input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    return linear(classes).requires_grad_(False)


def from_another_generator(spec: TrialSpec, input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    network = linear(classes)
    with torch.no_grad():
        network[1].bias.fill_(random.SystemRandom().random())
    return network


FAULTS: dict[str, tuple[Build, str]] = {
    "returns none": (lambda spec, shape, classes: None, "returned None, not a torch.nn.Module"),
    "returns a class": (lambda spec, shape, classes: nn.Linear, "returned <class .*Linear'>, not a torch.nn.Module"),
    "takes two": (
        lambda spec, shape: good(spec, shape, 3),
        r"build\(spec, \(3, 8, 8\), 3\) raised TypeError: .* 2 pos",
    ),
    "is a type": (int, r"raised TypeError: int\(\) takes at most 2 arguments \(3 given\)$"),
    "raises": (lambda *_: raising(KeyError("boom")), r"raised KeyError: 'boom' \(test_trial_run.py, line \d+\)"),
    "exits": (lambda *_: sys.exit(0), r"raised SystemExit: 0 \(test_trial_run.py, line \d+\)"),
    "ends the process": (lambda *_: os._exit(0), r"ended the process of its trial run \(exit status 0\)"),
    "is killed": (lambda *_: os.kill(os.getpid(), 9), r"ended the process of its trial run \(SIGKILL\)"),
    "aborts": (lambda *_: os.abort(), r"ended the process of its trial run \(SIGABRT\)"),
    "layers do not fit": (lambda *_: nn.Sequential(nn.Flatten(), nn.Linear(7, 3)), r"\(2, 3, 8, 8\) .*cannot be multi"),
    "has no parameter": (lambda *_: nn.Flatten(), "no parameter to train"),
    "is frozen": (without_gradients, "no parameter to train"),
    "draws elsewhere": (from_another_generator, "other weights from the same seed"),
    "gives none": (changed(lambda self, x: None), r"in training mode it gives None; give logits \(2, 3\)"),
    "gives one column": (changed(lambda self, x: x[:, 0]), r"gives float32 \(2,\) for 2 images; .* logits \(2, 3\)"),
    "gives labels": (changed(lambda self, x: x.argmax(1, keepdim=True).expand(-1, 3)), r"gives int64 \(2, 3\)"),
    "has another class count": (lambda *_: linear(4), r"gives float32 \(2, 4\) for 2 images; .* logits \(2, 3\)"),
    "gives a pair": (changed(lambda self, x: (x, x)), r"gives \(tensor"),
    "is detached": (changed(lambda self, x: x.detach()), "a training step .* raised RuntimeError: element 0"),
    "fails in training": (changed(lambda self, x: raising(OSError("boom")) if self.training else x), "OSError: boom"),
    "fails in evaluation": (
        changed(lambda self, x: x if self.training else raising(OSError("boom"))),
        "in evaluation mode .* raised OSError: boom",
    ),
    "squeezes": (changed(lambda self, x: x.squeeze(0)), r"in evaluation mode it gives float32 \(3,\) for 1 images"),
    "is random in evaluation": (changed(lambda self, x: x + torch.rand(())), "the same images give other logits"),
    "keeps state elsewhere": (
        changed(lambda self, x: x if self.training else x + self.steps),
        "another network with its state_dict gives other logits",
    ),
}


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TrialSpec]:
    """Registers a model of one's own for this test; gives a spec of it."""
    monkeypatch.setattr(registry.MODELS, "_entries", dict(registry.MODELS._entries))

    def register(build: Build, entry: dict[str, Any] | None = None, **fields: Any) -> TrialSpec:
        models.register(ModelEntry("own", build, **{"learning_rate": 0.1, **(entry or {})}))
        return complete({"model": "own", "image_size": SIDE, **fields})

    return register


@pytest.mark.parametrize("fault", FAULTS)
def test_what_breaks_the_contract_is_refused_in_a_line_that_names_the_model(
    own: Callable[..., TrialSpec], fault: str
) -> None:
    build, said = FAULTS[fault]
    with pytest.raises(SpecError, match=rf"\Amodel 'own'.*{said}.*\Z"):
        check_own_models([own(build)], classes=3)


GOOD: dict[str, tuple[Build, dict[str, Any], dict[str, Any]]] = {  # build, fields of the entry, fields of the spec
    "linear": (good, {}, {}),
    "batch norm": (with_batch_norm, {}, {"optimizer": "rmsprop", "precision": "bf16", "gradient_clip": 1.0}),
    "dropout": (lambda spec, shape, classes: linear(classes, nn.Dropout(spec.dropout)), {}, {"dropout": 0.5}),
    "products": (lambda spec, shape, classes: Products(classes), {}, {}),
    "options": (lambda spec, shape, classes: nn.Sequential(*linear(classes * spec.width)), {"width": 1}, {}),
    "not finite": (changed(lambda self, x: x * torch.inf), {}, {}),
    "auxiliary": (changed(lambda self, x: (x, 2 * x) if self.training else x), {"auxiliary": 0.4}, {}),
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("classes", [None, 3])
def test_a_good_model_passes(own: Callable[..., TrialSpec], name: str, classes: int | None) -> None:
    build, entry, fields = GOOD[name]
    before = torch.get_rng_state()
    check_own_models([own(build, entry, **fields)], classes)
    assert torch.equal(torch.get_rng_state(), before), "the trial run is in a process of its own"


def test_as_long_as_the_classes_are_not_known_a_fixed_number_of_them_passes(own: Callable[..., TrialSpec]) -> None:
    spec = own(lambda *_: linear(10))
    check_own_models([spec], classes=None)
    check_own_models([spec], classes=10)
    with pytest.raises(SpecError, match=r"gives float32 \(2, 10\) for 2 images; .* logits \(2, 100\)"):
        check_own_models([spec], classes=100)


def test_a_network_is_tried_once_however_many_trials_have_it(
    own: Callable[..., TrialSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, tried = own(good), []
    monkeypatch.setattr(trial_run, "_in_own_process", lambda spec, *_, **__: tried.append(spec.precision))
    fields = dict(spec.fields_except(()))
    alike = [complete({**fields, "seed": seed, "label_corruption": seed / 9}) for seed in range(10)]
    check_own_models([*alike, complete({**fields, "precision": "bf16"}), complete({"model": "mlp_1x512"})], 2)
    assert tried == ["fp32", "bf16"]


@pytest.mark.parametrize(
    ("fields", "is_refused"),
    [
        ({"train_samples": 97, "batch_size": 32}, True),
        ({"train_samples": 96, "batch_size": 32}, False),
        ({"train_samples": 98, "batch_size": 32}, False),
        ({"train_samples": None, "batch_size": 33}, True),  # of 100
        ({"train_samples": 1, "batch_size": 32}, True),
        ({"train_samples": 50, "batch_size": 1}, True),
        ({"train_samples": 97, "batch_size": 32, "max_steps": 3}, False),  # of whole batches
        ({"train_samples": 97, "batch_size": 32, "max_steps": 4}, True),
    ],
)
def test_batch_norm_over_single_values_refuses_a_last_batch_of_one_image(
    own: Callable[..., TrialSpec], fields: dict[str, Any], is_refused: bool
) -> None:
    batch_norm = own(with_batch_norm, **fields)
    check_last_batches([complete({"model": "mlp_1x512", **fields})], samples=100, classes=3)
    if not is_refused:
        check_last_batches([batch_norm], samples=100, classes=3)
        return
    numbers = f"batch_size = {fields['batch_size']} is .* with {fields['train_samples'] or 100} training images"
    with pytest.raises(SpecError, match=rf"{numbers}: .*choose another.*model 'own'.*more than 1 value per channel"):
        check_last_batches([batch_norm], samples=100, classes=3)


def test_of_the_built_in_models_those_that_cannot_train_on_one_image_are_found_out() -> None:
    one = {"train_samples": 9, "batch_size": 8}
    for spatial in ("inception_small", "wide_resnet"):
        check_last_batches([complete({"model": spatial, "image_size": 20, **one})], samples=9, classes=10)
    inception = complete({"dataset": "imagenet", "model": "inception_v3", "width": 1, **one})
    with pytest.raises(SpecError, match=r"batch_size = 8 is not allowed with 9 training images.*'inception_v3'"):
        check_last_batches([inception], samples=9, classes=10)


def test_a_model_without_counted_operations_costs_what_its_parameters_do(own: Callable[..., TrialSpec]) -> None:
    spec = own(lambda spec, shape, classes: Products(classes))
    assert flops_per_image(spec, 5) == 2 * 5 * INPUTS
    assert expected_cost(spec, 100, 5) > 0


def test_a_good_model_that_cannot_do_without_memory_has_a_cost_all_the_same(own: Callable[..., TrialSpec]) -> None:
    spec = own(changed(lambda self, x: x * float(x.abs().max())))
    check_own_models([spec], classes=6)
    assert flops_per_image(spec, 6) == 2 * 6 * (INPUTS + 1)
