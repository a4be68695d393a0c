"""The command line that every sweep file and the `rethink` command share.

What trains is imported where it is called: torch and Ray take seconds, which a mistyped option should not wait for.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from rethink.cli.one_line import OneLineParser, _in_one_line
from rethink.cli.options import add_run_options, add_spec_options, folder, run_options, spec_overrides
from rethink.cli.plugins import of_analysis
from rethink.errors import SpecError
from rethink.records.run_directory import find_runs
from rethink.sweep.sweep import Sweep, check_sweep
from rethink.terminal import at_any_terminal


@at_any_terminal
def run_sweep(sweep: Sweep, argv: Sequence[str] | None = None) -> int:
    """The command line of one sweep file. Returns the exit status: 2, with one line, for invalid values."""
    name = getattr(sweep, "name", None)
    prog = f"rethink run {name}" if isinstance(name, str) and name.isprintable() else "rethink run"
    return _in_one_line(prog, lambda: _run_as_asked(sweep, argv))


def _run_as_asked(sweep: Sweep, argv: Sequence[str] | None) -> int:
    check_sweep(sweep)
    arguments = _sweep_parser(sweep).parse_args(argv)
    return _run(sweep, arguments) if arguments.resume is None else _resume_sweep(sweep, arguments)


def _resume_weights(path: Path, argv: Sequence[str]) -> int:
    """Train on from a file of weights, in a run of its own. Returns the exit status."""
    parser = OneLineParser(
        prog="rethink resume",
        description="Train on from a file of weights (an export, a run's checkpoint or the original project's "
        ".pth.tar) in a new run: with the file's own settings, or the protocol `original`, where no option says "
        "otherwise.",
    )
    _add_storage_options(parser)
    add_spec_options(parser)
    add_run_options(parser)
    arguments = parser.parse_args(argv)
    return _in_one_line(parser.prog, lambda: _train_on(path, arguments))


def _train_on(path: Path, arguments: argparse.Namespace) -> int:
    if not path.exists():
        raise SpecError(f"cannot read {path} (No such file or directory); give a run directory, or a file of weights")
    from rethink.runs.start_and_resume import start
    from rethink.weights.continuation import sweep_from
    from rethink.weights.evaluation import maker_notes
    from rethink.weights.reading import read_weights

    file, fields = read_weights(path), spec_overrides(arguments)
    for line in maker_notes(file):
        print(line)
    sweep = sweep_from(file, fields)
    specs = sweep.specs("default", fields)
    options = run_options(arguments)
    run = start(sweep, "default", specs, _storage(arguments), arguments.name, options, file)
    return 0 if of_analysis("show_results")(run) else 1


def _sweep_parser(sweep: Sweep) -> argparse.ArgumentParser:
    parser = OneLineParser(prog=f"rethink run {sweep.name}", description=sweep.about)
    parser.set_defaults(variant="default")
    try:
        _add_variants(parser, sweep)
        parser.add_argument(
            "--resume", type=Path, metavar="RUN", help="go on with an interrupted run; no other option counts"
        )
        _add_storage_options(parser)
        add_spec_options(parser)
        add_run_options(parser)
    except argparse.ArgumentError as error:  # the option of a variant is already there
        taken = str(error.argument_name).rpartition("--")[2]
        message = f"sweep {sweep.name!r}: variant {taken!r} is not allowed: --{taken} is an option of every sweep"
        raise SpecError(message) from None
    return parser


def _add_variants(parser: argparse.ArgumentParser, sweep: Sweep) -> None:
    others = [name for name in sweep.variants if name != "default"]
    if others:  # argparse cannot show the help of an empty group
        variants = parser.add_mutually_exclusive_group()
        for name in others:
            about = f"the sweep's {name} variant"
            variants.add_argument(f"--{name}", dest="variant", action="store_const", const=name, help=about)


def _add_storage_options(parser: argparse.ArgumentParser) -> None:
    about = "folder of the runs, which all machines of a cluster share (default: $RETHINK_STORAGE, else runs)"
    parser.add_argument("--storage", type=folder, help=about)
    parser.add_argument("--name", help="name of the run directory (default: sweep, variant and time)")


def _storage(arguments: argparse.Namespace) -> Path:
    """Where runs go. Raises SpecError if RETHINK_STORAGE does not name a folder of this machine."""
    if arguments.storage is not None:
        return Path(arguments.storage)
    try:
        return folder(os.environ.get("RETHINK_STORAGE") or "runs")
    except argparse.ArgumentTypeError as error:
        raise SpecError(f"RETHINK_STORAGE: {error}") from None


def _run(sweep: Sweep, arguments: argparse.Namespace) -> int:
    specs = sweep.specs(arguments.variant, spec_overrides(arguments))
    storage, options = _storage(arguments), run_options(arguments)
    from rethink.runs.start_and_resume import start

    run = start(sweep, arguments.variant, specs, storage, arguments.name, options)
    return 0 if of_analysis("show_results")(run) else 1


def _resume_sweep(sweep: Sweep, arguments: argparse.Namespace) -> int:
    (run,) = find_runs([arguments.resume])
    recorded = run.read_run().sweep
    if recorded != sweep.name:
        raise SpecError(f"{run.root} is a run of {recorded!r}, not of {sweep.name!r}")
    from rethink.runs.start_and_resume import resume

    return 0 if of_analysis("show_results")(resume(run)) else 1
