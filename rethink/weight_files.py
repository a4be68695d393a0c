"""Files of weights: exports, a run's own checkpoints, and the seed's .pth.tar. Reading one never runs code from it."""

import hashlib
import json
import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from rethink import models
from rethink.spec import NORMALIZATIONS, SpecError, TrialSpec

Tensors = Mapping[str, torch.Tensor]

EXPORT_SUFFIX = ".safetensors"
SEED_KEYS = ("model_state_dict", "optimizer_state_dict", "epoch", "step_count")  # what is read of the seed's form
KINDS = f"an export ({EXPORT_SUFFIX} with its .json), a run's checkpoint (.pt) or a dict with {', '.join(SEED_KEYS)}"
OPTIMIZER_STATES = {"sgd": {"momentum_buffer"}, "rmsprop": {"mean_square", "momentum"}}


@dataclass(frozen=True)
class WeightFile:
    """The content of one file. `spec` is none where the file does not say what its network was trained by."""

    path: Path
    sha256: str  # of the file
    spec: TrialSpec | None
    model: Tensors
    optimizer: Mapping[str, Any] | None  # an optimizer's state_dict
    epoch: int  # finished
    steps: int
    images_seen: int | None
    data: Mapping[str, Any] | None = None  # what it was trained on: content_sha256 and, of an export, class_names

    def __post_init__(self) -> None:
        """Raises TypeError or ValueError for what no training leaves."""
        if not all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in self.model.items()):
            raise TypeError("its weights are not tensors by name")
        counts = (self.epoch, self.steps, 0 if self.images_seen is None else self.images_seen)
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError(f"epoch, steps and images seen are {counts}")
        if self.optimizer is not None:
            groups, states = self.optimizer["param_groups"], self.optimizer["state"]
            if not isinstance(groups, list) or not all(isinstance(state, dict) for state in states.values()):
                raise TypeError("its optimizer's state is none of torch's")

    def check_said(self, fields: Collection[str]) -> None:
        """Raise SpecError if neither the file nor these fields say how its network's pixels were scaled."""
        if self.spec is None and "normalization" not in fields:
            choices = " or ".join(NORMALIZATIONS)
            raise SpecError(f"{self.path} does not say how pixels were scaled: give --normalization {choices}")

    def start_state(self, spec: TrialSpec) -> dict[str, Any]:
        """What `Training.start_from` takes. `check_start` and `check_start_fits` tell whether it may."""
        images = self.steps * spec.batch_size if self.images_seen is None else self.images_seen
        place = {"epoch": self.epoch, "steps": self.steps, "images_seen": images}
        return {
            **place,
            "model": dict(self.model),
            "optimizer": dict(self.optimizer["state"]) if self.optimizer else None,
        }


def read_weights(path: Path, spec: TrialSpec | None = None) -> WeightFile:
    """Read a file of any of the three kinds. Raises SpecError, in one line, for any other, and for one with code.

    `spec` is that of a run's checkpoint, for one that an earlier version wrote, which does not say it.
    """
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpecError(f"cannot read {path} ({error.strerror})") from error
    try:
        if path.suffix == EXPORT_SUFFIX:
            return _read_export(path, sha256)
        content = _load_safely(path)
        if "training" in content:
            return _of_checkpoint(path, sha256, content, spec)
        if all(key in content for key in SEED_KEYS):
            return _of_seed(path, sha256, content)
    except SpecError:
        raise
    except (safetensors.SafetensorError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise SpecError(f"{path} or its card is damaged ({error!r})") from error
    raise SpecError(f"{path} is refused: it is not {KINDS}")


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
    numbers = [group["params"] for group in file.optimizer["param_groups"]]
    if numbers != [list(range(len(shapes)))]:
        raise SpecError(f"{file.path} holds an optimizer's state in groups, or of other weights than {spec.model} has")
    for number, state in file.optimizer["state"].items():
        for name, value in state.items():
            if value is not None and (number not in range(len(shapes)) or tuple(value.shape) != shapes[number]):
                raise SpecError(f"{file.path} holds an optimizer's {name} that fits no weight of {spec.model}")


def check_weights_fit(file: WeightFile, spec: TrialSpec, classes: int) -> None:
    """Raise SpecError, saying what differs, if the file's weights are not those of the spec's network."""
    needed = {name: tuple(tensor.shape) for name, tensor in _without_memory(spec, classes).state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in file.model.items()}
    if needed.keys() != given.keys():
        lacks, strange = sorted(needed.keys() - given.keys()), sorted(given.keys() - needed.keys())
        told = [f"lacks {len(lacks)} weights such as {lacks[0]}"] if lacks else []
        told += [f"has {len(strange)} others such as {strange[0]}"] if strange else []
        raise SpecError(f"{file.path} is another network than {spec.model}: it {' and '.join(told)}")
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


def card_path(weights: Path) -> Path:
    """The model card beside exported weights."""
    return weights.with_suffix(".json")


def _without_memory(spec: TrialSpec, classes: int) -> nn.Module:
    with torch.device("meta"):
        return models.build_model(spec, (3, spec.image_size, spec.image_size), classes)


def _read_export(path: Path, sha256: str) -> WeightFile:
    try:
        card = json.loads(card_path(path).read_bytes())
    except OSError as error:
        raise SpecError(f"cannot read {card_path(path)}, the card of {path} ({error.strerror})") from error
    model = safetensors.torch.load_file(path)
    if card["weights"]["sha256"] != sha256:
        raise SpecError(f"{card_path(path)} describes other weights than {path}")
    spec, place = TrialSpec.from_dict(card["spec"]), card["place"]
    counts = place["epoch"], place["steps"], place["images_seen"]
    return WeightFile(path, sha256, spec, model, None, *counts, card["data"])


def _load_safely(path: Path) -> Mapping[str, Any]:
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's, of the protocol that a stranger chose
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged archive raises is torch's affair
        asked = re.search(r"GLOBAL (\S+)", str(error))
        why = f"it asks to run {asked[1]}; weights are numbers and nothing else" if asked else f"it is not {KINDS}"
        raise SpecError(f"{path} is refused: {why}") from error
    if not isinstance(content, dict):
        raise SpecError(f"{path} is refused: it is not {KINDS}")
    return content


def _of_checkpoint(path: Path, sha256: str, content: Mapping[str, Any], spec: TrialSpec | None) -> WeightFile:
    if "spec" in content:
        spec = TrialSpec.from_dict(content["spec"])
    if spec is None:
        raise SpecError(f"{path} does not say its spec, as an earlier version wrote it: `rethink export` its trial")
    state = content["training"]
    place = state if "steps" in state else content["record"]  # earlier versions kept states of whole epochs
    counts = state["epoch"], place["steps"], place["images_seen"]
    data = {"content_sha256": content["data_sha256"]} if "data_sha256" in content else None
    return WeightFile(path, sha256, spec, state["model"], state["optimizer"], *counts, data)


def _of_seed(path: Path, sha256: str, content: Mapping[str, Any]) -> WeightFile:
    model = {name.removeprefix("module."): tensor for name, tensor in content["model_state_dict"].items()}
    return WeightFile(
        path, sha256, None, model, content["optimizer_state_dict"], content["epoch"], content["step_count"], None
    )
