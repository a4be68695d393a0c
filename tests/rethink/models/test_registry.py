"""The registry, and the contract that every registered model keeps."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from rethink import models
from rethink.errors import SpecError
from rethink.models import ModelEntry, build_model, registry
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete

SHAPES = [((3, 28, 28), 10), ((1, 32, 32), 7), ((3, 16, 20), 4), ((2, 5, 1), 3)]
SMALL = {"wide_resnet": {"depth": 10}, "inception_v3": {"width": 1}}  # the contract does not depend on these, time does
LEAST = {"alexnet": 63, "inception_v3": 299}  # smallest side of the images of these networks
VARIANTS = [(name, SMALL.get(name, {})) for name in models.names()] + [("inception_small", {"batch_norm": False})]
every_model = pytest.mark.parametrize(("name", "options"), VARIANTS)


def spec_of(name, **options):
    return TrialSpec(dataset="any", image_size=LEAST.get(name, 28), model=name, learning_rate=0.1, **options)


def shape_for(name):
    return (3, *[LEAST.get(name, 12)] * 2)


def seeded(name, options, seed=0, shape=None, classes=5):
    torch.manual_seed(seed)
    return build_model(spec_of(name, **options), shape or shape_for(name), classes)


def images(shape=(3, 12, 12), n=4):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(1))


def logits(model, x):
    """The logits of the network, without those of an auxiliary classifier."""
    outputs = model(x)
    return outputs[0] if isinstance(outputs, tuple) else outputs


def test_the_models_of_the_design_are_registered():
    small = ("alexnet_small", "inception_small", "mlp", "mlp_1x512", "mlp_3x512", "wide_resnet")
    assert models.names() == tuple(sorted((*small, "alexnet", "inception_v3")))


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("alexnet", 0.01),
        ("alexnet_small", 0.01),
        ("inception_small", 0.1),
        ("inception_v3", 0.1),
        ("mlp", 0.01),
        ("mlp_1x512", 0.01),
        ("mlp_3x512", 0.01),
        ("wide_resnet", 0.1),
    ],
)
def test_learning_rates_are_the_papers(name, rate):
    assert models.get(name).learning_rate == rate


def test_an_unknown_name_is_refused_with_the_choices():
    with pytest.raises(
        SpecError,
        match=r"^unknown model 'resnet'; choose from alexnet, alexnet_small, .*, wide_resnet \(nearest: wide_resnet\)$",
    ):
        models.get("resnet")


def test_a_duplicate_name_is_refused():
    with pytest.raises(SpecError, match="'mlp_1x512' is already registered"):
        models.register(models.get("mlp_1x512"))


def test_an_own_model_is_registered_in_a_few_lines(monkeypatch):
    monkeypatch.setattr(registry.MODELS, "_entries", dict(registry.MODELS._entries))

    def build(spec, input_shape, classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(np.prod(input_shape), classes * spec.width))

    models.register(ModelEntry("linear", build, learning_rate=0.1, width=2))
    assert "linear" in models.names()
    assert seeded("linear", {})(images()).shape == (4, 10)
    assert seeded("linear", {"width": 3})(images()).shape == (4, 15)


@pytest.mark.parametrize("option", ["depth", "width", "batch_norm"])
def test_an_option_that_the_model_lacks_is_refused(option):
    with pytest.raises(SpecError, match=f"{option} = 1 is not allowed: model 'mlp_1x512'|{option} = True is not"):
        build_model(spec_of("mlp_1x512", **{option: option == "batch_norm" or 1}), (3, 8, 8), 10)


def test_defaults_fill_only_what_is_open():
    entry = models.get("wide_resnet")
    completed = entry.complete(spec_of("wide_resnet", width=4))
    assert (completed.depth, completed.width) == (28, 4)
    assert models.get("inception_small").complete(spec_of("inception_small", batch_norm=False)).batch_norm is False


@every_model
@pytest.mark.parametrize(("shape", "classes"), SHAPES)
def test_any_image_gives_one_logit_per_class(name, options, shape, classes):
    if name in LEAST:  # colour images, of a size and more
        shape = (3, *(LEAST[name] + more for more in (shape[1] % 3, shape[2])))
    given = logits(seeded(name, options, shape=shape, classes=classes), images(shape))
    assert given.shape == (4, classes)
    assert given.isfinite().all()


@every_model
@pytest.mark.slow
def test_initialization_is_a_function_of_torchs_seed_alone(name, options):
    weights = [torch.cat([p.flatten() for p in seeded(name, options, seed).parameters()]) for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@every_model
def test_building_touches_no_other_state(name, options):
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_num_threads(), torch.get_default_dtype()  # noqa: NPY002
    seeded(name, options)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_num_threads(), torch.get_default_dtype()  # noqa: NPY002
    assert before == after


def has(model, kind):
    return any(isinstance(module, kind) for module in model.modules())


@every_model
def test_without_dropout_training_and_evaluation_agree(name, options):
    model, x = seeded(name, options), images(shape_for(name))
    assert not {module.p for module in model.modules() if isinstance(module, nn.Dropout)} - {0.0}
    if not has(model, nn.BatchNorm2d):
        torch.testing.assert_close(model.train()(x), model.eval()(x), rtol=0, atol=0)


@every_model
def test_dropout_is_random_in_training_only(name, options):
    model, x = seeded(name, options | {"dropout": 0.5}), images(shape_for(name))
    assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == {0.5}
    assert not torch.equal(logits(model, x), logits(model, x))
    model.eval()
    assert torch.equal(model(x), model(x))


@every_model
def test_the_gradient_reaches_every_parameter(name, options):
    model = seeded(name, options)
    outputs = model(images(shape_for(name)))
    for part in outputs if isinstance(outputs, tuple) else (outputs,):
        nn.functional.cross_entropy(part, torch.tensor([0, 1, 2, 3])).backward(retain_graph=True)
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        # BatchNorm cancels the bias before it: its gradient is rounding noise, maybe zero.
        assert parameter.ndim == 1 or parameter.grad.abs().max() > 0, key


@every_model
def test_state_dict_round_trip(name, options):
    source, target = seeded(name, options), seeded(name, options, seed=1)
    x = images(shape_for(name))
    source(x)  # moves BatchNorm's running statistics
    target.load_state_dict(source.state_dict())
    assert torch.equal(source.eval()(x), target.eval()(x))


@every_model
@pytest.mark.slow
def test_runs_in_bf16_and_channels_last(name, options):
    model, x = seeded(name, options).eval(), images(shape_for(name))
    expected = model(x)
    model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = model.train()(x)
    parts = outputs if isinstance(outputs, tuple) else (outputs,)
    sum(part.float().sum() for part in parts).backward()
    assert {part.dtype for part in parts} == {torch.bfloat16}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def build_nothing(spec, shape, classes):
    return nn.Identity()


@pytest.mark.parametrize("name", ["a/b", "", "..", "ä", "a b", "a\n", "x" * 65, None, 5, b"tiny", ["tiny"]])
def test_a_name_that_no_folder_can_have_is_refused(name) -> None:
    with pytest.raises(SpecError, match=r"^model name .* is not allowed: up to 64 letters, digits and _ \. -$"):
        registry.register(ModelEntry(name, build_nothing, learning_rate=0.1))


def test_what_is_no_entry_is_refused() -> None:
    with pytest.raises(SpecError, match=r"^<function build_nothing .* is not a model: register takes a ModelEntry"):
        registry.register(build_nothing)
    with pytest.raises(SpecError, match=r"^unknown model \['mlp_1x512'\]; choose from"):
        registry.get(["mlp_1x512"])


WRONG = {
    "build": [5, None],
    "learning_rate": ["0.1", None, 0, -1.0, float("nan"), float("inf"), True],
    "depth": ["28", 0, 2.5, True],
    "width": ["1", -1],
    "batch_norm": ["on", 1],
    "channels_last": [None, "yes"],
    "image_size": [0, "224", 28.0],
    "auxiliary": ["0.4", -0.1, None, float("nan")],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_field_of_the_wrong_form_is_refused_at_the_first_look_up(monkeypatch, field, value) -> None:
    monkeypatch.setattr(registry.MODELS, "_entries", dict(registry.MODELS._entries))
    models.register(ModelEntry(**{"name": "own", "build": build_nothing, "learning_rate": 0.1, field: value}))
    with pytest.raises(SpecError, match=f"^model 'own': {field} = .* is not allowed: "):
        complete({"model": "own"})


def test_every_built_in_model_is_one_whose_contract_is_held_here() -> None:
    assert {name for name, _ in VARIANTS} == models.BUILT_IN
