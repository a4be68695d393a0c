"""The form of a checkpoint file: what `torch.save` writes, and a checksum that is compared before torch reads it.

    torch's zip | b"rethink-checkpoint" | format number, 2 bytes, big-endian | SHA-256 of the zip, 32 bytes

torch ignores the CRCs in its zip: it would load altered weights without an error. The checksum is in the same file, so
that one rename replaces both. It follows the zip, whose directory is searched from the end, so `torch.load` can read
the file without this module. It is SHA-256, so that one pass also gives the file's own, which names a start.
"""

import hashlib
import os
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec
import torch

from rethink.errors import RunError
from rethink.files.atomic_files import atomic_file
from rethink.files.checked_files import as_kind, open_plain

MARK = b"rethink-checkpoint"
FORMAT = 1
_TRAILER = struct.Struct(f">{len(MARK)}sH32s")
_CHUNK = 1 << 20  # bytes read at a time

Content = TypeVar("Content")


class NotWhole(RunError):
    """A checkpoint that is damaged, or another one than expected."""


class TrialState(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a trial's checkpoint: which trial it belongs to, and the state of its training."""

    run_id: str
    spec_id: str
    spec: dict[str, Any]
    data_sha256: str  # of the content of the data set that it was trained on
    training: dict[str, Any]  # Training.state_dict
    rows: list[dict[str, Any]]  # all of them so far: their files may be lost


class StartState(msgspec.Struct, frozen=True, kw_only=True):
    """What a run keeps of the file that a trial starts from."""

    spec_id: str
    start_from: str  # SHA-256 of the file
    weights: dict[str, Any]  # what Training.start_from takes


def write_checkpoint(path: Path, content: TrialState | StartState, previous: Path | None = None) -> None:
    """Write a file that gets its name only when it is complete and synced.

    Args:
        path: The file.
        content: What to write.
        previous: New name of the file that is at `path` so far; none: it is replaced.

    Raises:
        OSError: It could not be written, as on a full disk.
    """
    try:
        with atomic_file(path, previous) as file:
            summed = _Summed(file)
            _save(msgspec.structs.asdict(content), summed)
            file.write(_TRAILER.pack(MARK, FORMAT, summed.sha256.digest()))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def read_checkpoint(path: Path, kind: type[Content]) -> tuple[Content, str]:
    """The content of a file that `write_checkpoint` wrote, on the CPU, and the file's SHA-256.

    Raises:
        NotWhole: It has no checksum, another one, or another format number.
        RunError: It is complete, but holds something else.
        OSError: It cannot be read, or is not a plain file.
    """
    with open_plain(path) as file:
        sha256 = _compared(path, file)
        file.seek(0)
        loaded = load_tensors(path, file, "a checkpoint")
    try:
        return as_kind(loaded, kind), sha256
    except ValueError as error:
        raise RunError(f"{path} is not a checkpoint of this kind: {error}") from None


def ends_like_checkpoint(file: IO[bytes]) -> bool:
    """Whether a file ends as one of `write_checkpoint` does, of any format number."""
    return _trailer(file).startswith(MARK)


def load_tensors(path: Path, file: IO[bytes], awaited: str) -> Any:
    """What `torch.load` reads, if it holds nothing but numbers and tensors.

    Raises:
        RunError: It is something else, or asks to run code; `awaited` says what it should be.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of the pickle protocol of foreign files
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises different exceptions for damaged archives
        asked = re.search(r"GLOBAL (\S+)", str(error))
        damaged = f"it is not {awaited}, or it is damaged"
        why = f"it asks to run {asked[1]}; weights are numbers and nothing else" if asked else damaged
        raise RunError(f"{path} is refused: {why}") from error


def _save(content: Mapping[str, Any], file: "_Summed") -> None:
    try:
        torch.save(content, file)  # type: ignore[arg-type]  # it calls these methods alone
    except RuntimeError:
        if file.error is not None:
            raise file.error from None  # torch reports a position in the file instead
        raise


def _trailer(file: IO[bytes]) -> bytes:
    """The last bytes of a file, as many as a trailer has, or fewer if the file is shorter."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TRAILER.size))
    return file.read()


def _compared(path: Path, file: IO[bytes]) -> str:
    """The file's SHA-256, after its content was compared with its checksum. Raises NotWhole."""
    trailer = _trailer(file)
    if len(trailer) < _TRAILER.size or not trailer.startswith(MARK):
        raise NotWhole(f"{path} is damaged, or no checkpoint: its checksum is missing")
    _, number, checksum = _TRAILER.unpack(trailer)
    if number != FORMAT:
        raise NotWhole(f"{path} is a checkpoint of format {number}: only format {FORMAT} can be read")
    left = file.tell() - len(trailer)
    file.seek(0)
    sha256 = hashlib.sha256()
    while left and (read := file.read(min(left, _CHUNK))):
        sha256.update(read)
        left -= len(read)
    if sha256.digest() != checksum:
        raise NotWhole(f"{path} is damaged: its content is not what its checksum says")
    sha256.update(trailer)
    return sha256.hexdigest()


class _Summed:
    """A writable file that hashes what is written, and keeps the error that torch swallows."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.error: OSError | None = None

    def write(self, content: bytes) -> int:
        self.sha256.update(content)
        try:
            return self._file.write(content)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()
