"""What is wrong with a JSON value, in one line that names the field, the value and what it should be."""

import re
from typing import Any

_AT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_NO_FIELD = re.compile(r"Object (?P<how>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)
_STEP = re.compile(r"\[(\.\.\.|\d+)\]|([^.\[]+)")
UNKNOWN = object()  # stands for a document or value that is not known
_BYTE = re.compile(r"\(byte (?P<place>\d+)\)")


def with_value(message: str, document: Any) -> str:
    """msgspec's message with the value in it: `a.b = 5 is not allowed: expected ...`, in one line."""
    found = _AT.fullmatch(message)
    what, path = (found["what"], found["path"] or "") if found else (message, "")
    if no_field := _NO_FIELD.fullmatch(what):
        name = ".".join(filter(None, (path, _clipped(no_field["name"]))))
        return f"{name} is missing" if no_field["how"].startswith("missing") else f"{name} is no field of it"
    value = _value_at(document, path)
    if value is UNKNOWN or not what.startswith(("Expected", "Invalid", "Number")):
        return f"{path}: {what}" if path else what
    return f"{path or 'it'} = {_clipped(repr(value))} is not allowed: {what[0].lower()}{what[1:]}"


def _value_at(document: Any, path: str) -> Any:
    """The value at msgspec's `path`, if it is a plain one."""
    for place, name in _STEP.findall(path):
        if place == "..." and isinstance(document, dict) and len(document) == 1:
            (document,) = document.values()
        elif place.isdigit() and isinstance(document, list | tuple):
            document = document[int(place)]
        elif name and isinstance(document, dict) and name in document:
            document = document[name]
        else:
            return UNKNOWN
    return document if isinstance(document, str | int | float | bool | list | dict | None) else UNKNOWN


def with_place(message: str, content: bytes) -> str:
    """A message on malformed JSON, with the text at that place."""
    found = _BYTE.search(message)
    if found is None or not content.strip():
        return message
    place = int(found["place"])
    return f"{message}: {_clipped(repr(content[max(0, place - 40) : place + 10].decode(errors='replace')))}"


def _clipped(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[:most]}..."
