"""Files of weights: exports, checkpoints, the original project's .pth.tar. Reading one never runs code from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import torch
from torch import nn

from rethink.errors import RethinkError, SpecError
from rethink.files.checked_files import as_kind
from rethink.spec import TrialSpec
from rethink.weights.checkpoint_file import TrialState

Tensors = Mapping[str, torch.Tensor]

EXPORT_SUFFIX = ".safetensors"

_FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
_NUMBERS = {*_FLOATS, torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Form = TypeVar("_Form")


class _Optimizer(msgspec.Struct):
    """An optimizer's state_dict: the state of its weights by their number, and the weights' numbers by group."""

    state: dict[int, dict[str, Any]]
    param_groups: list[dict[str, Any]]


class _Training(msgspec.Struct):
    """The fields that are read from a trial's state."""

    model: dict[str, torch.Tensor]
    optimizer: _Optimizer
    epoch: _Count
    steps: _Count
    images_seen: _Count


@dataclass(frozen=True)
class WeightFile:
    """The content of one file. `spec` is none if the file does not say how its network was trained."""

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
        """What `Training.start_from` takes. `check_start` and `check_start_fits` check that it fits."""
        images = self.steps * spec.batch_size if self.images_seen is None else self.images_seen
        place = {"epoch": self.epoch, "steps": self.steps, "images_seen": images}
        return {
            **place,
            "model": dict(self.model),
            "optimizer": dict(self.optimizer["state"]) if self.optimizer else None,
        }


def of_state(path: Path, state: TrialState, sha256: str) -> WeightFile:
    """The weights of a trial's checkpoint, read from `path`. Raises SpecError for content that no training writes."""
    training = _as(_Training, path, state.training)
    spec = _spec_of(path, state.spec)
    if spec.spec_id != state.spec_id:
        raise SpecError(f"{path} is refused: it says spec id {state.spec_id}, but its spec has {spec.spec_id}")
    _check_numbers(path, training.model)
    counts = training.epoch, training.steps, training.images_seen
    data = {"content_sha256": state.data_sha256}
    return WeightFile(path, sha256, spec, training.model, _plain(training.optimizer), *counts, data)


def _spec_of(path: Path, values: Mapping[str, Any]) -> TrialSpec:
    try:
        return TrialSpec.from_dict(values)
    except RethinkError as error:
        raise SpecError(f"{path} is refused: its spec: {error}") from error


def _as(form: type[_Form], path: Path, content: Any) -> _Form:
    try:
        return as_kind(content, form)
    except ValueError as error:
        raise SpecError(f"{path} is damaged: {error}") from None


def _plain(optimizer: _Optimizer) -> dict[str, Any]:
    return {"state": optimizer.state, "param_groups": optimizer.param_groups}


def _check_numbers(path: Path, tensors: Tensors) -> None:
    """Raise SpecError for NaN, infinity, and arrays without memory of their own (a file can declare a huge one)."""
    for name, tensor in tensors.items():
        is_array = type(tensor) in (torch.Tensor, nn.Parameter) and tensor.layout == torch.strided
        if not is_array or tensor.is_nested or tensor.device.type != "cpu" or tensor.dtype not in _NUMBERS:
            raise SpecError(f"{path} is refused: its {name} is not an array of numbers")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise SpecError(f"{path} is refused: its {name} declares {tensor.numel():,} numbers, but holds fewer")
    lost = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if lost:
        problem = f"{len(lost)} of {len(tensors)} tensors are not finite (NaN or infinity), such as {lost[0]}"
        raise SpecError(f"{path} is refused: {problem}; a training that diverged leaves such weights")
