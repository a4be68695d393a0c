"""The command-line options of every field of TrialSpec and RunOptions, made from the fields themselves."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rethink import models
from rethink.cli.option_groups import RUN_GROUP, RUN_VALUES, SEVERAL_FIELDS, SPEC_GROUPS
from rethink.data import sources
from rethink.errors import SpecError
from rethink.run_options import RunOptions
from rethink.spec import TrialSpec, shown
from rethink.spec.fields import Field, fields_of
from rethink.spec.folder import local_folder
from rethink.sweep.recipes import NOT_OF_A_SPEC, PROTOCOLS

SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
RUN_OPTIONS = tuple(fields_of(RunOptions))
# Fields that a command fills, and what to do instead.
NO_OPTIONS = {"start_from": "`rethink train-from FILE` starts from a file"}
SPEC_OPTIONS = tuple(name for name in fields_of(TrialSpec) if name not in NO_OPTIONS)
_SPEC_VALUES = {name: value for values in SPEC_GROUPS.values() for name, value in values.items()}
_CHOICES: Mapping[str, Callable[[], Sequence[str]]] = {"dataset": sources.names, "model": models.names}


def add_spec_options(parser: argparse.ArgumentParser, defaults: Mapping[str, str]) -> None:
    """One option for each field of TrialSpec, in groups; several values make it an axis of the sweep.

    Args:
        parser: Where they are added.
        defaults: What a field is where its option is not given, as the help says it.
    """
    group = parser.add_argument_group("several fields at once")
    recipes = " or ".join(PROTOCOLS)
    group.add_argument(
        "--protocol",
        nargs="+",
        metavar=SEVERAL_FIELDS["protocol"],
        help=f"recipe that fills what is left open: {recipes} (default: none)",
    )
    group.add_argument(
        "--replicate",
        nargs="+",
        metavar=SEVERAL_FIELDS["replicate"],
        type=_whole_number,
        help="number of a repetition with a training subset, corruption and random seed of its own: sets subset_seed, "
        f"corruption_seed and seed where they are not given (default: {defaults.get('seed', 'the seeds below')})",
    )
    fields = fields_of(TrialSpec)
    for title, values in SPEC_GROUPS.items():
        group = parser.add_argument_group(title)
        for name, metavar in values.items():
            settings: dict[str, Any] = {"metavar": metavar, "type": _value(fields[name])}
            group.add_argument(_flag(name), nargs="+", help=_help(fields[name], defaults.get(name)), **settings)
    for name, advice in NO_OPTIONS.items():
        parser.add_argument(_flag(name), nargs="*", action=_Refusal, const=advice, help=argparse.SUPPRESS)


def add_field_options(parser: argparse.ArgumentParser, names: Sequence[str], title: str) -> None:
    """One option, with one value, for each of these fields of TrialSpec, in a group of that title."""
    group = parser.add_argument_group(title)
    fields = fields_of(TrialSpec)
    for name in names:
        settings: dict[str, Any] = {"metavar": _SPEC_VALUES[name], "type": _value(fields[name])}
        # No default: "none" may be a value.
        group.add_argument(_flag(name), default=argparse.SUPPRESS, help=_help(fields[name], None), **settings)


def given_fields(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Those of the fields that were given."""
    return {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}


def spec_overrides(arguments: argparse.Namespace) -> dict[str, list[Any]]:
    """The fields of TrialSpec that were given on the command line, and the protocol and replicates."""
    return {
        name: values for name in (*NOT_OF_A_SPEC, *SPEC_OPTIONS) if (values := getattr(arguments, name)) is not None
    }


def add_run_options(parser: argparse.ArgumentParser, names: Sequence[str] = RUN_OPTIONS) -> None:
    """One option for each of these fields of RunOptions."""
    group = parser.add_argument_group(RUN_GROUP)
    fields = fields_of(RunOptions)
    for name in names:
        field = fields[name]
        alone: dict[str, Any] = {"nargs": "?", "const": True} if field.kind is bool else {}  # means: on
        settings = {"metavar": RUN_VALUES[name], "default": field.default, "type": _value(field), "help": _doc(field)}
        group.add_argument(_flag(name), **settings, **alone)


def run_options(arguments: argparse.Namespace) -> RunOptions:
    """The RunOptions given on the command line; what has no option there keeps its default."""
    return RunOptions(**{name: getattr(arguments, name) for name in RUN_OPTIONS if hasattr(arguments, name)})


class _Refusal(argparse.Action):
    """Refuse what is no option, and say, in `const`, what to do instead."""

    def __call__(self, *_: object) -> NoReturn:
        raise argparse.ArgumentError(self, f"not allowed: {self.const}")


def _help(field: Field, default: str | None) -> str:
    """The field's help, with its choices where it does not name them, and its default where one is known."""
    choices = _CHOICES[field.name]() if field.name in _CHOICES else ()
    if isinstance(field.allowed, tuple) and not all(choice in field.doc for choice in field.allowed):
        choices = field.allowed
    more = [*([", ".join(choices)] if choices else []), *([f"default: {default}"] if default is not None else [])]
    return _doc(field) + (f" ({'; '.join(more)})" if more else "").replace("%", "%%")


def _doc(field: Field) -> str:
    return field.doc.replace("%", "%%")  # argparse would format it


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _value(field: Field) -> Callable[[str], Any]:
    """A parser of one value of the field's type, for argparse."""
    parsers: dict[type, Callable[[str], Any]] = {bool: _switch, Path: folder}
    parse = parsers.get(field.kind, field.kind)

    def value(text: str) -> Any:
        if text == "none" and field.optional:
            return None
        try:
            return parse(text)
        except ValueError:
            wanted = "on or off" if field.kind is bool else f"a value of type {field.kind.__name__}"
            raise argparse.ArgumentTypeError(f"{shown(text)} is not allowed: {wanted}") from None

    return value


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not allowed: a whole number") from None


def folder(text: str) -> Path:
    """A folder of this machine that was given as text. Raises ArgumentTypeError for what is none."""
    try:
        return local_folder(text)
    except SpecError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _switch(text: str) -> bool:
    if text.lower() not in SWITCH:
        raise ValueError(text)
    return SWITCH[text.lower()]
