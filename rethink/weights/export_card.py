"""The model card of an export: JSON that describes the weights beside it, with checksums of them and of itself."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from rethink.errors import RethinkError, SpecError
from rethink.files.checked_files import decode_json, read_plain

FORMAT, VERSION = "rethink-export", 1

_Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Kind(msgspec.Struct):
    format: str
    version: int


class _Weights(msgspec.Struct):
    file: str
    sha256: _Sha256


class _Place(msgspec.Struct):
    epoch: _Count
    steps: _Count
    images_seen: _Count


class _Data(msgspec.Struct):
    content_sha256: _Sha256
    classes: Annotated[int, msgspec.Meta(ge=1)]
    class_names: Annotated[list[str], msgspec.Meta(min_length=1)]


class Card(msgspec.Struct, kw_only=True):
    """The fields of a card that are read."""

    trial: str
    spec: dict[str, Any]
    weights: _Weights
    place: _Place
    data: _Data
    card_sha256: _Sha256  # of all else


def card_path(weights: Path) -> Path:
    """The card beside exported weights."""
    return weights.with_suffix(".json")


def card_text(said: Mapping[str, Any]) -> bytes:
    """A card as it is written: these fields, the format, and the card's own checksum. Raises ValueError for NaN."""
    card = {"format": FORMAT, "version": VERSION, **said}
    return (json.dumps({**card, "card_sha256": _checksum(card)}, indent=1, allow_nan=False) + "\n").encode()


def read_card(path: Path) -> tuple[Card, bool]:
    """The content of a card, and whether its own checksum shows that it is unaltered.

    Raises:
        SpecError: It cannot be read, is of another format or version, or a field is missing or not what it should be.
    """
    try:
        content = read_plain(path)
        kind = decode_json(content, _Kind)
        if (kind.format, kind.version) != (FORMAT, VERSION):
            problem = f"is of format {kind.format!r}, version {kind.version}"
            raise SpecError(f"{path} {problem}: only {FORMAT!r}, version {VERSION}, can be read")
        card, said = decode_json(content, Card), decode_json(content, dict[str, Any])
    except OSError as error:
        raise SpecError(f"cannot read {path}, the card of the weights ({error.strerror})") from error
    except RethinkError:
        raise
    except ValueError as error:
        raise SpecError(f"{path} is not a card of exported weights, or damaged: {error}") from error
    if len(card.data.class_names) != card.data.classes:
        problem = f"data.class_names has {len(card.data.class_names)} names, data.classes is {card.data.classes}"
        raise SpecError(f"{path} is damaged: {problem}")
    return card, said.pop("card_sha256") == _checksum(said)


def _checksum(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
