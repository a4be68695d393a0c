"""Files of weights: exports, a run's own checkpoints, and the seed's .pth.tar. Reading one never runs code from it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import safetensors.torch
import torch
from torch import nn

from rethink import models
from rethink.checked_files import as_kind, open_plain
from rethink.checkpoint_file import TrialState, ends_like_checkpoint, load_tensors, read_checkpoint
from rethink.export_card import card_path, read_card
from rethink.spec import SpecError, TrialSpec

Tensors = Mapping[str, torch.Tensor]

EXPORT_SUFFIX = ".safetensors"
SEED_KEYS = ("model_state_dict", "optimizer_state_dict", "epoch", "step_count")  # what is read of the seed's form
KINDS = f"an export ({EXPORT_SUFFIX} with its .json), a run's checkpoint (.pt) or a dict with {', '.join(SEED_KEYS)}"
OPTIMIZER_STATES = {"sgd": {"momentum_buffer"}, "rmsprop": {"mean_square", "momentum"}}

_FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
_NUMBERS = {*_FLOATS, torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Form = TypeVar("_Form")


class _Optimizer(msgspec.Struct):
    """An optimizer's state_dict: the state of its weights by their number, and the weights' numbers by group."""

    state: dict[int, dict[str, Any]]
    param_groups: list[dict[str, Any]]


class _Training(msgspec.Struct):
    """What is read of a trial's state."""

    model: dict[str, torch.Tensor]
    optimizer: _Optimizer
    epoch: _Count
    steps: _Count
    images_seen: _Count


class _Seed(msgspec.Struct):
    """What is read of the seed's form."""

    model_state_dict: dict[str, torch.Tensor]
    optimizer_state_dict: _Optimizer
    epoch: _Count
    step_count: _Count


@dataclass(frozen=True)
class WeightFile:
    """The content of one file. `spec` is none where the file does not say what its network was trained by."""

    path: Path
    sha256: str  # of the file
    spec: TrialSpec | None
    model: Tensors  # finite
    optimizer: Mapping[str, Any] | None  # an optimizer's state_dict
    epoch: int  # finished
    steps: int
    images_seen: int | None
    data: Mapping[str, Any] | None = None  # what it was trained on: content_sha256 and, of an export, class_names

    def start_state(self, spec: TrialSpec) -> dict[str, Any]:
        """What `Training.start_from` takes. `check_start` and `check_start_fits` tell whether it may."""
        images = self.steps * spec.batch_size if self.images_seen is None else self.images_seen
        place = {"epoch": self.epoch, "steps": self.steps, "images_seen": images}
        return {
            **place,
            "model": dict(self.model),
            "optimizer": dict(self.optimizer["state"]) if self.optimizer else None,
        }


def read_weights(path: Path) -> WeightFile:
    """Read a file of any of the three kinds.

    Raises:
        SpecError: It is of another kind, damaged, or asks to run code; or its weights are not finite.
    """
    try:
        with open_plain(path) as file:
            if path.suffix == EXPORT_SUFFIX:
                return _read_export(path, file)
            if ends_like_checkpoint(file):
                return of_state(path, *read_checkpoint(path, TrialState))
            return _read_seed(path, file)
    except OSError as error:
        raise SpecError(f"cannot read {path} ({error.strerror})") from error


def of_state(path: Path, state: TrialState, sha256: str) -> WeightFile:
    """The weights of a trial's checkpoint, read from `path`. Raises SpecError for what no training leaves."""
    training = _as(_Training, path, state.training)
    spec = _spec_of(path, state.spec)
    if spec.spec_id != state.spec_id:
        raise SpecError(f"{path} is refused: it says spec id {state.spec_id}, but its spec has {spec.spec_id}")
    _check_numbers(path, training.model)
    counts = training.epoch, training.steps, training.images_seen
    data = {"content_sha256": state.data_sha256}
    return WeightFile(path, sha256, spec, training.model, _plain(training.optimizer), *counts, data)


def check_start(file: WeightFile, spec: TrialSpec) -> None:
    """Raise SpecError if nothing is left to train from the file on, or it holds the state of another optimizer."""
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

    torch gives state to weights by their number in the optimizer alone, and its fused steps do not look at shapes.
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
        told = [f"lacks {len(lacks)} weights such as {lacks[0]}"] if lacks else []
        told += [f"has {len(strange)} others such as {strange[0]}"] if strange else []
        raise SpecError(f"{file.path} is another network than {spec.model}: it {' and '.join(told)}")
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


def _read_export(path: Path, file: BufferedReader) -> WeightFile:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    card, is_unaltered = read_card(card_path(path))
    if card.weights.sha256 != sha256:
        raise SpecError(f"{card_path(path)} describes other weights than {path}, or one of them is damaged")
    spec = _spec_of(card_path(path), card.spec)
    file.seek(0)
    try:
        model = safetensors.torch.load(file.read())
    except Exception as error:  # what a damaged file raises is safetensors' affair
        raise SpecError(f"{path} is damaged: {' '.join(str(error).split())}") from error
    _check_numbers(path, model)
    counts = card.place.epoch, card.place.steps, card.place.images_seen
    data = {"content_sha256": card.data.content_sha256, "class_names": card.data.class_names}
    weights = WeightFile(path, sha256, spec, model, None, *counts, data)
    check_weights_fit(weights, spec, card.data.classes)
    if not is_unaltered:
        what = "what it says of network, image size, classes and steps may be untrue"
        raise SpecError(f"{card_path(path)} was altered: its own checksum does not fit; {what}")
    return weights


def _read_seed(path: Path, file: BufferedReader) -> WeightFile:
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    content = load_tensors(path, file, KINDS)
    if isinstance(content, dict) and "training" in content:
        raise SpecError(f"{path} is refused: it is a checkpoint that was altered, or cut: its checksum is missing")
    if not isinstance(content, dict) or not all(key in content for key in SEED_KEYS):
        raise SpecError(f"{path} is refused: it is not {KINDS}")
    seed = _as(_Seed, path, content)
    model = {name.removeprefix("module."): tensor for name, tensor in seed.model_state_dict.items()}
    _check_numbers(path, model)
    optimizer = _plain(seed.optimizer_state_dict)
    return WeightFile(path, sha256, None, model, optimizer, seed.epoch, seed.step_count, None)


def _spec_of(path: Path, values: Mapping[str, Any]) -> TrialSpec:
    try:
        return TrialSpec.from_dict(values)
    except SpecError as error:
        raise SpecError(f"{path} is refused: its spec: {error}") from error


def _as(form: type[_Form], path: Path, content: Any) -> _Form:
    try:
        return as_kind(content, form)
    except ValueError as error:
        raise SpecError(f"{path} is damaged: {error}") from None


def _plain(optimizer: _Optimizer) -> dict[str, Any]:
    return {"state": optimizer.state, "param_groups": optimizer.param_groups}


def _check_numbers(path: Path, tensors: Tensors) -> None:
    """Raise SpecError for NaN, infinity, and what is no array with memory of its own (a file can name a huge one)."""
    for name, tensor in tensors.items():
        is_array = type(tensor) in (torch.Tensor, nn.Parameter) and tensor.layout == torch.strided
        if not is_array or tensor.is_nested or tensor.device.type != "cpu" or tensor.dtype not in _NUMBERS:
            raise SpecError(f"{path} is refused: its {name} is no array of numbers")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise SpecError(f"{path} is refused: its {name} says {tensor.numel():,} numbers, and has fewer")
    lost = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if lost:
        told = f"{len(lost)} of {len(tensors)} tensors are not finite (NaN or infinity), such as {lost[0]}"
        raise SpecError(f"{path} is refused: {told}; a training that diverged leaves such weights")
