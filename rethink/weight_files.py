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

    def check_said(self, fields: Collection[str]) -> None:
        """Raise SpecError if neither the file nor these fields say how its network's pixels were scaled."""
        if self.spec is None and "normalization" not in fields:
            choices = " or ".join(NORMALIZATIONS)
            raise SpecError(f"{self.path} does not say how pixels were scaled: give --normalization {choices}")

    def start_state(self, spec: TrialSpec) -> dict[str, Any]:
        """What `Training.start_from` takes. Raises SpecError for the state of another optimizer than the spec's."""
        optimizer: dict[Any, Any] | None = None
        if self.optimizer is not None:
            optimizer = dict(self.optimizer["state"])
            names = {name for state in optimizer.values() for name in state}
            if names - OPTIMIZER_STATES[spec.optimizer]:
                raise SpecError(
                    f"optimizer = {spec.optimizer!r} is not allowed: {self.path} holds the state of another one "
                    f"({', '.join(sorted(names))})"
                )
        images = self.steps * spec.batch_size if self.images_seen is None else self.images_seen
        place = {"epoch": self.epoch, "steps": self.steps, "images_seen": images}
        return {**place, "model": dict(self.model), "optimizer": optimizer}


def read_weights(path: Path) -> WeightFile:
    """Read a file of any of the three kinds. Raises SpecError, in one line, for any other, and for one with code."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpecError(f"cannot read {path} ({error.strerror})") from error
    if path.suffix == EXPORT_SUFFIX:
        return _read_export(path, sha256)
    content = _load_safely(path)
    try:
        if "training" in content:
            return _of_checkpoint(path, sha256, content)
        if all(key in content for key in SEED_KEYS):
            return _of_seed(path, sha256, content)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise SpecError(f"{path} is damaged ({error!r})") from error
    raise SpecError(f"{path} is refused: it is not {KINDS}")


def check_weights_fit(file: WeightFile, spec: TrialSpec, classes: int) -> None:
    """Raise SpecError, saying what differs, if the file's weights are not those of the spec's network."""
    with torch.device("meta"):
        network = models.build_model(spec, (3, spec.image_size, spec.image_size), classes)
    needed = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
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


def _read_export(path: Path, sha256: str) -> WeightFile:
    try:
        card = json.loads(card_path(path).read_bytes())
        model = safetensors.torch.load_file(path)
        if card["weights"]["sha256"] != sha256:
            raise SpecError(f"{card_path(path)} describes other weights than {path}")
        spec, place = TrialSpec.from_dict(card["spec"]), card["place"]
        return WeightFile(path, sha256, spec, model, None, place["epoch"], place["steps"], place["images_seen"])
    except OSError as error:
        raise SpecError(f"cannot read {card_path(path)}, the card of {path} ({error.strerror})") from error
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _as_spec_error(path, error) from error


def _as_spec_error(path: Path, error: Exception) -> SpecError:
    return error if isinstance(error, SpecError) else SpecError(f"{path} or its card is damaged ({error!r})")


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


def _of_checkpoint(path: Path, sha256: str, content: Mapping[str, Any]) -> WeightFile:
    if "spec" not in content:
        raise SpecError(f"{path} does not say its spec: an earlier version wrote it; resume its run, which has it")
    state, spec = content["training"], TrialSpec.from_dict(content["spec"])
    place = state["epoch"], state["steps"], state["images_seen"]
    return WeightFile(path, sha256, spec, state["model"], state["optimizer"], *place)


def _of_seed(path: Path, sha256: str, content: Mapping[str, Any]) -> WeightFile:
    model = {name.removeprefix("module."): tensor for name, tensor in content["model_state_dict"].items()}
    place = int(content["epoch"]), int(content["step_count"])
    return WeightFile(path, sha256, None, model, content["optimizer_state_dict"], *place, None)
