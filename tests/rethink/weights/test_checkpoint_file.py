"""Checkpoint files: if any bit is altered, the file is refused before torch reads it."""

import contextlib
import errno
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from rethink.errors import RunError
from rethink.spec import TrialSpec
from rethink.weights.checkpoint_file import NotWhole, StartState, TrialState, read_checkpoint, write_checkpoint


@pytest.fixture
def state(make_spec: Callable[..., TrialSpec]) -> TrialState:
    spec = make_spec()
    training: dict[str, Any] = {"steps": 3, "model": {"weight": torch.arange(6.0).reshape(2, 3)}}
    said = {"run_id": "0", "spec_id": spec.spec_id, "spec": spec.to_dict(), "data_sha256": "0", "rows": []}
    return TrialState(**said, training=training)


@pytest.fixture
def path(tmp_path: Path, state: TrialState) -> Path:
    write_checkpoint(tmp_path / "x.pt", state)
    return tmp_path / "x.pt"


def refusal(path: Path, kind: type[Exception] = NotWhole) -> str:
    with pytest.raises(kind) as caught:
        read_checkpoint(path, TrialState)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_what_was_written_is_read_by_this_module_and_by_torch_alone(path: Path, state: TrialState) -> None:
    read, sha256 = read_checkpoint(path, TrialState)
    told = read.run_id, read.spec_id, read.spec, read.data_sha256, read.rows
    assert told == ("0", state.spec_id, state.spec, "0", [])
    assert torch.equal(read.training["model"]["weight"], state.training["model"]["weight"])
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert torch.load(path, weights_only=True)["training"]["steps"] == 3


def test_the_end_of_the_file_is_the_checksum_of_all_before_it(path: Path) -> None:
    content = path.read_bytes()
    assert content[-52:-32] == b"rethink-checkpoint\0\1"
    assert content[-32:] == hashlib.sha256(content[:-52]).digest()


def test_every_single_flipped_byte_is_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def untouched(*_: Any, **__: Any) -> None:
        raise AssertionError("torch was given an altered file")

    monkeypatch.setattr("rethink.weights.checkpoint_file.torch.load", untouched)
    content = path.read_bytes()
    for place in (*range(0, len(content) - 52, 97), *range(len(content) - 60, len(content))):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x40]) + content[place + 1 :])
        refusal(path)


def test_what_was_cut_grown_or_emptied_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for changed in (b"", content[:20], content[:-1], content[:-52], content[100:], content + b"\0", content[:-52] * 2):
        path.write_bytes(changed)
        refusal(path)


def test_another_format_number_is_named(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-33] + b"\7" + content[-32:])
    assert refusal(path).endswith("x.pt is a checkpoint of format 7: only format 1 can be read")


def test_a_whole_file_of_another_kind_says_the_field(path: Path, state: TrialState) -> None:
    write_checkpoint(path, StartState(spec_id=state.spec_id, start_from="0", weights={}))
    assert "run_id is missing" in refusal(path, RunError)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place, kind in ((tmp_path / "pipe", "a pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "a folder")):
        with pytest.raises(OSError, match=f"{kind}, not a plain file"):
            read_checkpoint(place, TrialState)


def test_the_file_before_keeps_another_name_if_one_is_given(path: Path, state: TrialState, tmp_path: Path) -> None:
    first = path.read_bytes()
    write_checkpoint(path, state, tmp_path / "before")
    assert (tmp_path / "before").read_bytes() == first
    write_checkpoint(path, state)
    assert {file.name for file in tmp_path.iterdir()} == {"x.pt", "before"}


class NearlyFull(io.BytesIO):
    """A file on a disk without space for a large piece; small pieces are still written."""

    def write(self, content: Any) -> int:
        if len(content) > 10_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content)


def test_a_full_disk_is_said_and_leaves_the_old_file(
    path: Path, state: TrialState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch itself would report an unexpected position in the file."""
    before = path.read_bytes()
    monkeypatch.setattr("rethink.weights.checkpoint_file.atomic_file", lambda *_: contextlib.nullcontext(NearlyFull()))
    large = msgspec.structs.replace(state, training={"weight": torch.ones(100_000)})
    with pytest.raises(OSError, match=r"No space left on device: '.*x\.pt'"):
        write_checkpoint(path, large)
    assert path.read_bytes() == before
