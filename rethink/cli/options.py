"""The command-line options of every field of TrialSpec and RunOptions, made from the fields themselves."""

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rethink.run_options import RunOptions
from rethink.spec import TrialSpec, shown
from rethink.sweep.recipes import NOT_OF_A_SPEC, PROTOCOLS

SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
RUN_OPTIONS = tuple(field.name for field in dataclasses.fields(RunOptions))
OPTION_DOCS = {
    "data_dir": "folder with the data set's files, for sources that are not embedded",
    "cache_dir": "folder of the prepared data sets (default: the user's cache folder)",
    "writers": "processes that read and check JPEG images when a data set is prepared (default: one a CPU)",
    "skip_broken": "leave out image files that cannot be read, and list them, instead of ending (default: off)",
    "os_cache": "off: leave nothing of a data set in memory, for one that is larger than that (default: on)",
    "cpus_per_trial": "CPUs, and threads, of one trial (default: 1; another number of threads rounds otherwise)",
    "gpus_per_trial": "GPU of one trial, at most 1; 0.5: two trials share one (default: 0, train on the CPU)",
    "ray_address": "'local': a Ray of this run's own; 'auto' or an address: a running cluster (default: what "
    "RAY_ADDRESS says, else local)",
    "report_seconds": "least time between two reports of a trial to the controller (default: 1, more where hundreds of "
    "trials run at once)",
    "checkpoint_seconds": "least time between two checkpoints of a trial (default: 30, more if one takes over 1.5)",
    "max_failures": "restarts of a trial, without progress in between, before it counts as failed (default: 3; an "
    "error of its own code, which a restart would not cure, counts at once)",
}


def add_spec_options(parser: argparse.ArgumentParser) -> None:
    """One option for each field of TrialSpec; several values make it an axis of the sweep."""
    group = parser.add_argument_group("what is trained (each option takes one or more values, all are crossed)")
    recipes = " or ".join(PROTOCOLS)
    group.add_argument("--protocol", nargs="+", metavar="V", help=f"recipe that fills what is left open: {recipes}")
    group.add_argument(
        "--replicate",
        nargs="+",
        metavar="V",
        type=_whole_number,
        help="number of a repetition with a training subset, corruption and random seed of its own: sets subset_seed, "
        "corruption_seed and seed where they are not given",
    )
    for field in dataclasses.fields(TrialSpec):
        group.add_argument(
            _flag(field.name), nargs="+", metavar="V", default=None, type=_value(field), help=_doc(field)
        )


def add_field_options(parser: argparse.ArgumentParser, names: Sequence[str], title: str) -> None:
    """One option, with one value, for each of these fields of TrialSpec, in a group of that title."""
    group = parser.add_argument_group(title)
    fields = {field.name: field for field in dataclasses.fields(TrialSpec)}
    for name in names:
        value, doc = _value(fields[name]), _doc(fields[name])
        # No default: "none" may be a value.
        group.add_argument(_flag(name), metavar="V", default=argparse.SUPPRESS, type=value, help=doc)


def given_fields(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Those of the fields that were given."""
    return {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}


def spec_overrides(arguments: argparse.Namespace) -> dict[str, list[Any]]:
    """The fields of TrialSpec that were given on the command line, and the protocol and replicates."""
    names = (*NOT_OF_A_SPEC, *(field.name for field in dataclasses.fields(TrialSpec)))
    return {name: values for name in names if (values := getattr(arguments, name)) is not None}


def add_run_options(parser: argparse.ArgumentParser, names: Sequence[str] = RUN_OPTIONS) -> None:
    """One option for each of these fields of RunOptions."""
    group = parser.add_argument_group("where and how it runs (no result depends on these)")
    fields = {field.name: field for field in dataclasses.fields(RunOptions)}
    for name in names:
        field = fields[name]
        alone: dict[str, Any] = {"nargs": "?", "const": True} if isinstance(field.default, bool) else {}  # means: on
        settings = {"metavar": "V", "default": field.default, "type": _value(field), "help": OPTION_DOCS[name]}
        group.add_argument(_flag(name), **settings, **alone)


def run_options(arguments: argparse.Namespace) -> RunOptions:
    """The RunOptions given on the command line; what has no option there keeps its default."""
    return RunOptions(**{name: getattr(arguments, name) for name in RUN_OPTIONS if hasattr(arguments, name)})


def _doc(field: "dataclasses.Field[Any]") -> str:
    return str(field.metadata["doc"]).replace("%", "%%")  # argparse would format it


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _value(field: "dataclasses.Field[Any]") -> Any:
    """A parser of one value of the field's type, for argparse."""
    declared = field.type.__name__ if isinstance(field.type, type) else str(field.type)
    kind = declared.removesuffix(" | None").rsplit(".", 1)[-1]
    parsers: dict[str, Callable[[str], Any]] = {
        "int": int,
        "float": float,
        "str": str,
        "bool": _switch,
        "Path": folder,
    }
    parse = parsers[kind]

    def value(text: str) -> Any:
        if text == "none" and declared.endswith("| None"):
            return None
        try:
            return parse(text)
        except ValueError:
            wanted = "on or off" if kind == "bool" else f"a value of type {kind}"
            raise argparse.ArgumentTypeError(f"{shown(text)} is not allowed: {wanted}") from None

    return value


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not allowed: a whole number") from None


def folder(text: str) -> Path:
    """A folder of this machine that was given as text, absolute, as workers have other working directories.

    Raises:
        ArgumentTypeError: The text is blank (a shell variable that was not set), an address, or names a home that
            nobody has.
    """
    if not text.strip() or "://" in text:
        wanted = "a folder of this machine, such as ~/images with train/ and test/ in it, or . for this one"
        raise argparse.ArgumentTypeError(f"{shown(text)} is not allowed: {wanted}")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # ~ without a home, or of an unknown user
        raise argparse.ArgumentTypeError(f"{shown(text)} is not allowed: no such home folder") from None


def _switch(text: str) -> bool:
    if text.lower() not in SWITCH:
        raise ValueError(text)
    return SWITCH[text.lower()]
