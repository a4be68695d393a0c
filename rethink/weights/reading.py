"""Reading a file of weights in any of three forms. Nothing in it is ever run."""

import hashlib
from io import BufferedReader
from pathlib import Path

import msgspec
import safetensors.torch
import torch

from rethink.errors import SpecError
from rethink.files.checked_files import open_plain
from rethink.weights.checkpoint_file import TrialState, ends_like_checkpoint, load_tensors, read_checkpoint
from rethink.weights.compatibility import check_weights_fit
from rethink.weights.export_card import card_path, read_card
from rethink.weights.weight_file import (
    EXPORT_SUFFIX,
    WeightFile,
    _as,
    _check_numbers,
    _Count,
    _Optimizer,
    _plain,
    _spec_of,
    of_state,
)

ORIGINAL_KEYS = (
    "model_state_dict",
    "optimizer_state_dict",
    "epoch",
    "step_count",
)  # what is read from the original project's form


_KEYS = ", ".join(ORIGINAL_KEYS)
KINDS = f"an export ({EXPORT_SUFFIX} with its .json), a run's checkpoint (.pt) or a dict with {_KEYS}"


class _PredecessorsFile(msgspec.Struct):
    """The fields that are read from the original project's form."""

    model_state_dict: dict[str, torch.Tensor]
    optimizer_state_dict: _Optimizer
    epoch: _Count
    step_count: _Count


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
            return _read_original(path, file)
    except OSError as error:
        raise SpecError(f"cannot read {path} ({error.strerror})") from error


def _read_export(path: Path, file: BufferedReader) -> WeightFile:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    card, is_unaltered = read_card(card_path(path))
    if card.weights.sha256 != sha256:
        raise SpecError(f"{card_path(path)} describes other weights than {path}, or one of them is damaged")
    spec = _spec_of(card_path(path), card.spec)
    file.seek(0)
    try:
        model = safetensors.torch.load(file.read())
    except Exception as error:  # safetensors raises different exceptions for damaged files
        raise SpecError(f"{path} is damaged: {' '.join(str(error).split())}") from error
    _check_numbers(path, model)
    counts = card.place.epoch, card.place.steps, card.place.images_seen
    data = {"content_sha256": card.data.content_sha256, "class_names": card.data.class_names}
    weights = WeightFile(path, sha256, spec, model, None, *counts, data)
    check_weights_fit(weights, spec, card.data.classes)
    if not is_unaltered:
        what = "its network, image size, classes and steps may be wrong"
        raise SpecError(f"{card_path(path)} was altered: its own checksum does not fit; {what}")
    return weights


def _read_original(path: Path, file: BufferedReader) -> WeightFile:
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    content = load_tensors(path, file, KINDS)
    if isinstance(content, dict) and "training" in content:
        raise SpecError(f"{path} is refused: it is a checkpoint that was altered, or cut: its checksum is missing")
    if not isinstance(content, dict) or not all(key in content for key in ORIGINAL_KEYS):
        raise SpecError(f"{path} is refused: it is not {KINDS}")
    seed = _as(_PredecessorsFile, path, content)
    model = {name.removeprefix("module."): tensor for name, tensor in seed.model_state_dict.items()}
    _check_numbers(path, model)
    optimizer = _plain(seed.optimizer_state_dict)
    return WeightFile(path, sha256, None, model, optimizer, seed.epoch, seed.step_count, None)
