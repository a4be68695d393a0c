"""The sidecar of a beton: what it was made of, with a checksum, in a file beside it."""

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from rethink.data.betons.beton import Beton
from rethink.data.betons.verification import (
    REBUILD,
    _blake2b,
)
from rethink.data.sources import DataError, JpegForm
from rethink.files.checked_files import decode_json, read_plain

FORMAT = {"format": "rethink-beton", "version": 2}


@dataclass(frozen=True)
class _Cache:
    """The folder of one source at one state of its data, in one form."""

    folder: Path
    source: str
    fingerprint: str
    form: JpegForm | None

    def beton(self, split: str) -> Path:
        return self.folder / f"{split}.beton"

    def identity(self, split: str) -> dict[str, Any]:
        form = {} if self.form is None else {"form": dataclasses.asdict(self.form)}
        return {**FORMAT, "source": self.source, "fingerprint": self.fingerprint, "split": split, **form}


class _Sidecar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    identity: dict[str, Any]
    beton: dict[str, Any]
    sidecar_checksum: str


def _read_sidecar(cache: _Cache, split: str) -> Beton:
    path, identity = cache.beton(split), cache.identity(split)
    try:
        sidecar = decode_json(read_plain(path.with_suffix(".json")), _Sidecar)
        beton = msgspec.convert({**sidecar.beton, "path": path}, Beton)
    except (ValueError, msgspec.ValidationError) as error:
        raise DataError(f"the sidecar of {path} is damaged ({error}); {REBUILD}") from error
    if any(index >= beton.samples for group in beton.equal_images for index in group):
        raise DataError(f"the sidecar of {path} names samples beyond the last; {REBUILD}")
    if sidecar.identity != identity or sidecar.sidecar_checksum != _sidecar_checksum(identity, beton):
        raise DataError(f"the sidecar of {path} is damaged or foreign; {REBUILD}")
    return beton


def _write_sidecar(path: Path, identity: dict[str, Any], beton: Beton) -> None:
    checksum = _sidecar_checksum(identity, beton)
    content = {"identity": identity, "beton": _fields(beton), "sidecar_checksum": checksum}
    path.write_text(json.dumps(content, indent=1, allow_nan=False))


def _sidecar_checksum(identity: dict[str, Any], beton: Beton) -> str:
    return _blake2b(json.dumps({"identity": identity, "beton": _fields(beton)}, sort_keys=True).encode())


def _fields(beton: Beton) -> dict[str, Any]:
    fields = dataclasses.asdict(beton)
    del fields["path"]
    return fields


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
