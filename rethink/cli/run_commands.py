"""The command line that every sweep file and the `rethink` command share.

What trains is imported where it is called: torch and Ray take seconds, which a mistyped option should not wait for.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from rethink.cli.one_line import OneLineParser, _in_one_line
from rethink.cli.options import SPEC_OPTIONS, add_run_options, add_spec_options, folder, run_options, spec_overrides
from rethink.cli.plugins import of_analysis, sweep_names
from rethink.cli.sweep_help import SweepHelp, help_of
from rethink.errors import SpecError
from rethink.records.run_directory import find_runs
from rethink.runs.new_run import storage_folder
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
    given = sys.argv[1:] if argv is None else argv
    arguments = _sweep_parser(sweep, asks_for_help=not {"-h", "--help"}.isdisjoint(given)).parse_args(given)
    return _run(sweep, arguments) if arguments.resume is None else _resume_sweep(sweep, arguments)


def add_train_from(commands: "argparse._SubParsersAction[OneLineParser]") -> None:
    """The parser of `rethink train-from FILE`."""
    parser = commands.add_parser(
        "train-from",
        help="train on from a file of weights, in a run of its own",
        usage="rethink train-from FILE [options]",
        description="Train on from a file of weights (an export, a run's checkpoint or the original project's "
        ".pth.tar) in a new run: with the file's own settings, or the protocol `original`, where no option says "
        "otherwise.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="file of weights")
    _add_storage_options(parser)
    add_spec_options(parser, dict.fromkeys(SPEC_OPTIONS, "the file's"))
    add_run_options(parser)


def train_from(arguments: argparse.Namespace) -> int:
    """Train on from a file of weights, in a run of its own. Returns the exit status."""
    path: Path = arguments.file
    if not path.is_file():
        what = "is a folder; `rethink resume` goes on with a run" if path.is_dir() else "does not exist"
        raise SpecError(f"{path} {what}; give a file of weights")
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
    run = start(sweep, "default", specs, storage_folder(arguments.storage), arguments.name, options, file)
    return 0 if of_analysis("show_results")(run) else 1


def _sweep_parser(sweep: Sweep, *, asks_for_help: bool) -> OneLineParser:
    built_in = sweep.name in sweep_names()
    command = f"rethink run {sweep.name}" if built_in else f"python {quote(Path(sys.argv[0]).name)}"
    parser = OneLineParser(prog=f"rethink run {sweep.name}", usage=f"{command} [options]")
    texts = help_of(sweep, command) if asks_for_help else SweepHelp()
    fill_sweep_parser(parser, sweep, texts)
    parser.description, parser.epilog = texts.description, texts.examples
    return parser


def fill_sweep_parser(parser: argparse.ArgumentParser, sweep: Sweep, texts: SweepHelp) -> None:
    """Add the options of a sweep. Raises SpecError for a variant whose option is already there."""
    parser.set_defaults(variant="default")
    try:
        _add_variants(parser, sweep, texts)
        parser.add_argument(
            "--resume", type=Path, metavar="RUN", help="go on with an interrupted run; no other option counts"
        )
        _add_storage_options(parser, grows=True)
        add_spec_options(parser, texts.defaults)
        add_run_options(parser)
    except argparse.ArgumentError as error:  # the option of a variant is already there
        taken = str(error.argument_name).rpartition("--")[2]
        message = f"sweep {sweep.name!r}: variant {taken!r} is not allowed: --{taken} is an option of every sweep"
        raise SpecError(message) from None


def _add_variants(parser: argparse.ArgumentParser, sweep: Sweep, texts: SweepHelp) -> None:
    others = [name for name in sweep.variants if name != "default"]
    if others:  # argparse cannot show the help of an empty group
        group = parser.add_argument_group("variants: one of them, instead of the sweep's default")
        variants = group.add_mutually_exclusive_group()
        for name in others:
            about = texts.variants.get(name, "").replace("%", "%%")
            variants.add_argument(f"--{name}", dest="variant", action="store_const", const=name, help=about)


def _add_storage_options(parser: argparse.ArgumentParser, *, grows: bool = False) -> None:
    about = "folder of the runs, which all machines of a cluster share (default: $RETHINK_STORAGE, else runs)"
    group = parser.add_argument_group("the run")
    group.add_argument("--storage", type=folder, metavar="DIR", help=about)
    there = "; a run of this sweep that is there grows by the trials that it lacks" if grows else ""
    name = f"name of the run directory{there} (default: sweep, variant and time)"
    group.add_argument("--name", metavar="NAME", help=name)
    if grows:
        group.add_argument(
            "--reuse",
            type=Path,
            nargs="+",
            metavar="RUN",
            default=[],
            help="runs whose finished trials are taken over where spec, data and code are the same (default: none)",
        )
        group.add_argument(
            "--dry-run",
            action="store_true",
            help="say what would be trained, for how long and on how much disk, and refuse what a start would; write "
            "nothing",
        )


def _run(sweep: Sweep, arguments: argparse.Namespace) -> int:
    specs = sweep.specs(arguments.variant, spec_overrides(arguments))
    storage, options = storage_folder(arguments.storage), run_options(arguments)
    reused = [*find_runs(arguments.reuse)]
    if arguments.dry_run:
        from rich.console import Console

        from rethink.runs.dry_run import dry_run

        dry_run(sweep, arguments.variant, specs, storage, arguments.name, options, reused, Console())
        return 0
    from rethink.runs.start_and_resume import start

    run = start(sweep, arguments.variant, specs, storage, arguments.name, options, reused=reused)
    return 0 if of_analysis("show_results")(run) else 1


def _resume_sweep(sweep: Sweep, arguments: argparse.Namespace) -> int:
    (run,) = find_runs([arguments.resume])
    recorded = run.read_run().sweep
    if recorded != sweep.name:
        raise SpecError(f"{run.root} is a run of {recorded!r}, not of {sweep.name!r}")
    from rethink.runs.start_and_resume import resume

    return 0 if of_analysis("show_results")(resume(run)) else 1
