"""Whether a file of weights fits a spec: its network, its optimizer, its data."""

import torch
from torch import nn

from rethink import models
from rethink.errors import SpecError
from rethink.spec import TrialSpec
from rethink.weights.weight_file import WeightFile, _check_numbers

OPTIMIZER_STATES = {"sgd": {"momentum_buffer"}, "rmsprop": {"mean_square", "momentum"}}


def check_start(file: WeightFile, spec: TrialSpec) -> None:
    """Raise SpecError if the file is already at the spec's limit, or holds the state of another optimizer."""
    for name, done in (("max_epochs", file.epoch), ("max_steps", file.steps)):
        limit = getattr(spec, name)
        if limit is not None and done >= limit:
            raise SpecError(f"{name} = {limit} is not allowed: {file.path} is at {done:,} already")
    names = {name for state in (file.optimizer or {"state": {}})["state"].values() for name in state}
    if names - OPTIMIZER_STATES[spec.optimizer]:
        raise SpecError(
            f"optimizer = {spec.optimizer!r} is not allowed: {file.path} holds the state of another one "
            f"({', '.join(sorted(names))})"
        )


def check_start_fits(file: WeightFile, spec: TrialSpec, classes: int) -> None:
    """Raise SpecError if the weights or the optimizer's state are not those of the spec's network.

    torch assigns state to weights by their number in the optimizer, and its fused steps do not check shapes.
    """
    check_weights_fit(file, spec, classes)
    if file.optimizer is None:
        return
    shapes = [tuple(weight.shape) for weight in _without_memory(spec, classes).parameters()]
    numbers = [group.get("params") for group in file.optimizer["param_groups"]]
    if numbers != [list(range(len(shapes)))]:
        raise SpecError(f"{file.path} holds an optimizer's state in groups, or of other weights than {spec.model} has")
    for number, state in file.optimizer["state"].items():
        for name, value in state.items():
            if value is None:
                continue
            if not isinstance(value, torch.Tensor) or shapes[number : number + 1] != [tuple(value.shape)]:
                raise SpecError(f"{file.path} holds an optimizer's {name} that fits no weight of {spec.model}")
            _check_numbers(file.path, {f"optimizer's {name}": value})


def check_weights_fit(file: WeightFile, spec: TrialSpec, classes: int) -> None:
    """Raise SpecError, saying what differs, if the file's weights are not those of the spec's network."""
    network = _without_memory(spec, classes).state_dict()
    needed = {name: tuple(tensor.shape) for name, tensor in network.items()}
    given = {name: tuple(tensor.shape) for name, tensor in file.model.items()}
    if needed.keys() != given.keys():
        lacks, strange = sorted(needed.keys() - given.keys()), sorted(given.keys() - needed.keys())
        differences = [f"lacks {len(lacks)} weights such as {lacks[0]}"] if lacks else []
        differences += [f"has {len(strange)} others such as {strange[0]}"] if strange else []
        raise SpecError(f"{file.path} is another network than {spec.model}: it {' and '.join(differences)}")
    for name, tensor in file.model.items():
        if tensor.dtype != network[name].dtype:
            raise SpecError(f"{file.path} is refused: its {name} has type {tensor.dtype}, not {network[name].dtype}")
    wrong = {name: shape for name, shape in given.items() if shape != needed[name]}
    if not wrong:
        return
    if all(shape[1:] == needed[name][1:] and needed[name][0] == classes for name, shape in wrong.items()):
        theirs = next(iter(wrong.values()))[0]
        raise SpecError(f"{file.path} has {theirs} classes, {spec.dataset} has {classes}")
    name, shape = next(iter(wrong.items()))
    raise SpecError(
        f"{file.path} was made for another image size or width than image_size = {spec.image_size}, "
        f"width = {spec.width}: its {name} is {shape}, not {needed[name]}"
    )


def _without_memory(spec: TrialSpec, classes: int) -> nn.Module:
    with torch.device("meta"):
        return models.build_model(spec, (3, spec.image_size, spec.image_size), classes)
