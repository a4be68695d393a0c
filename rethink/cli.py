"""The command line that every sweep file and the `rethink` command share."""

import argparse
import importlib
import os
import pkgutil
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import sweeps
from rethink import cluster, weight_commands
from rethink.interruption import Interruption, interruptible
from rethink.label_export import export_labels
from rethink.options import OneLineParser, add_run_options, add_spec_options, folder, run_options, spec_overrides
from rethink.outputs import check_folder
from rethink.own_code import line_of, own_code
from rethink.results import (
    QUERY_FORMATS,
    QUERY_LIMITS,
    answer,
    keep_trial,
    rebuild_store,
    report_runs,
    show_figures,
    show_results,
)
from rethink.run_directory import find_runs
from rethink.runner import resume, start
from rethink.spec import SpecError
from rethink.sweep import Sweep, check_sweep
from rethink.terminal import at_any_terminal, give_up_if_unwritable
from rethink.weight_commands import sweep_from
from rethink.weight_evaluation import told_of_maker
from rethink.weight_files import read_weights


@at_any_terminal
def main(argv: Sequence[str] | None = None) -> int:
    """The `rethink` command. Returns the exit status."""
    parser = OneLineParser(prog="rethink", description="Sweeps over corrupted data: who generalizes, who memorizes?")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=OneLineParser)
    run = commands.add_parser("run", help="run a sweep: `rethink run SWEEP --help` shows its options", add_help=False)
    run.add_argument("sweep", choices=_sweep_names(), metavar="SWEEP", help=", ".join(_sweep_names()))
    run.add_argument("options", nargs=argparse.REMAINDER)
    resumed = commands.add_parser(
        "resume",
        help="run what is left of an interrupted or failed run, or train on from a file of weights: "
        "`rethink resume FILE --help` shows its options",
    )
    resumed.add_argument("path", type=Path, metavar="RUN", help="run directory, or a file of weights")
    resumed.add_argument("options", nargs=argparse.REMAINDER, help="of the second: rethink resume FILE --help")
    weight_commands.add_parsers(commands)
    drawn = commands.add_parser("figures", help="table and figures of one or more runs")
    drawn.add_argument("runs", type=Path, nargs="+", help="run directories")
    drawn.add_argument("--output", type=folder, help="folder of the figures (default: figures/ in the first run)")
    asked = commands.add_parser(
        "query",
        help="an SQL query of the tables trials, epochs, cells, slowdowns and effects",
        description=f"The answer of one SELECT. {QUERY_LIMITS}.",
    )
    asked.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories")
    asked.add_argument("sql", metavar="SQL", help='such as "select model, level, n, km_median from cells"')
    asked.add_argument("--format", choices=QUERY_FORMATS, default="table", help="default: table")
    asked.add_argument("--output", type=folder, help="file of the answer (default: print it)")
    reported = commands.add_parser("report", help="one HTML file with all there is to see of one or more runs")
    reported.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories")
    reported.add_argument("--output", type=folder, help="the file (default: report.html in the first run)")
    stored = commands.add_parser("store", help="write the Parquet store of runs anew, from their rows")
    stored.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories")
    labels = commands.add_parser("labels", help="export the label tables of a run as CSV files")
    labels.add_argument("run", type=Path, help="run directory")
    labels.add_argument("output", type=folder, help="folder of the CSV files, one for each corruption")
    arguments = parser.parse_args(argv)
    if arguments.command == "run":
        prog = f"rethink run {arguments.sweep}"
        return _in_one_line(prog, lambda: run_sweep(_sweep_of(arguments.sweep), arguments.options))
    if arguments.command == "resume" and (not arguments.path.is_dir() or _asks_for_help(arguments.options)):
        return _resume_weights(arguments.path, arguments.options)
    return _in_one_line(f"rethink {arguments.command}", lambda: _COMMANDS[arguments.command](arguments))


@at_any_terminal
def run_sweep(sweep: Sweep, argv: Sequence[str] | None = None) -> int:
    """The command line of one sweep file. Returns the exit status: 2, in one line, for what no trial can run with."""
    name = getattr(sweep, "name", None)
    prog = f"rethink run {name}" if isinstance(name, str) and name.isprintable() else "rethink run"
    return _in_one_line(prog, lambda: _run_as_asked(sweep, argv))


def _run_as_asked(sweep: Sweep, argv: Sequence[str] | None) -> int:
    check_sweep(sweep)
    arguments = _sweep_parser(sweep).parse_args(argv)
    return _run(sweep, arguments) if arguments.resume is None else _resume_sweep(sweep, arguments)


def _sweep_of(name: str) -> Sweep:
    try:
        with own_code(f"sweeps/{name}.py"):
            sweep: Sweep = importlib.import_module(f"sweeps.{name}").SWEEP
    except SpecError as error:  # of something registered or written down there
        raise SpecError(f"{error}{line_of(error)}") from None
    return sweep


def _asks_for_help(options: Sequence[str]) -> bool:
    return not {"-h", "--help"}.isdisjoint(options)


def _resume_weights(path: Path, argv: Sequence[str]) -> int:
    """Train on from a file of weights, in a run of its own. Returns the exit status."""
    parser = OneLineParser(
        prog="rethink resume",
        description="Train on from a file of weights (an export, a run's checkpoint or the seed's .pth.tar), in a new "
        "run: with the file's own settings, or those of the protocol `seed`, where no option says otherwise.",
    )
    _add_storage_options(parser)
    add_spec_options(parser)
    add_run_options(parser)
    arguments = parser.parse_args(argv)
    return _in_one_line(parser.prog, lambda: _train_on(path, arguments))


def _train_on(path: Path, arguments: argparse.Namespace) -> int:
    file, fields = read_weights(path), spec_overrides(arguments)
    for line in told_of_maker(file):
        print(line)
    sweep = sweep_from(file, fields)
    specs = sweep.specs("default", fields)
    options = run_options(arguments)
    run = start(sweep, "default", specs, _storage(arguments), arguments.name, options, keep_trial, file)
    return 0 if show_results([run]) else 1


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
        told = f"sweep {sweep.name!r}: variant {taken!r} is not allowed: --{taken} is an option of every sweep"
        raise SpecError(told) from None
    return parser


def _add_variants(parser: argparse.ArgumentParser, sweep: Sweep) -> None:
    others = [name for name in sweep.variants if name != "default"]
    if others:  # argparse cannot show the help of an empty group
        variants = parser.add_mutually_exclusive_group()
        for name in others:
            about = f"the sweep's {name} variant"
            variants.add_argument(f"--{name}", dest="variant", action="store_const", const=name, help=about)


def _add_storage_options(parser: argparse.ArgumentParser) -> None:
    about = "folder of the runs, which all machines of a cluster share (default: what RETHINK_STORAGE says, else runs)"
    parser.add_argument("--storage", type=folder, help=about)
    parser.add_argument("--name", help="name of the run directory (default: sweep, variant and time)")


def _storage(arguments: argparse.Namespace) -> Path:
    """Where runs go. Raises SpecError for what RETHINK_STORAGE says, if that is no folder of this machine."""
    if arguments.storage is not None:
        return Path(arguments.storage)
    try:
        return folder(os.environ.get("RETHINK_STORAGE") or "runs")
    except argparse.ArgumentTypeError as error:
        raise SpecError(f"RETHINK_STORAGE: {error}") from None


def _run(sweep: Sweep, arguments: argparse.Namespace) -> int:
    specs = sweep.specs(arguments.variant, spec_overrides(arguments))
    storage, options = _storage(arguments), run_options(arguments)
    run = start(sweep, arguments.variant, specs, storage, arguments.name, options, keep_trial)
    return 0 if show_results([run]) else 1


def _resume_sweep(sweep: Sweep, arguments: argparse.Namespace) -> int:
    (run,) = find_runs([arguments.resume])
    recorded = run.read_run().sweep
    if recorded != sweep.name:
        raise SpecError(f"{run.root} is a run of {recorded!r}, not of {sweep.name!r}")
    return 0 if show_results([resume(run, keep_trial)]) else 1


def _resume(arguments: argparse.Namespace) -> int:
    if arguments.options:
        raise SpecError(f"{arguments.options[0]} is not allowed: a run goes on with its own options")
    (run,) = find_runs([arguments.path])
    return 0 if show_results([resume(run, keep_trial)]) else 1


def _figures(arguments: argparse.Namespace) -> int:
    return 0 if show_figures(list(find_runs(arguments.runs)), arguments.output) else 1


def _query(arguments: argparse.Namespace) -> int:
    answer(list(find_runs(arguments.runs)), arguments.sql, arguments.format, arguments.output)
    return 0


def _report(arguments: argparse.Namespace) -> int:
    print(report_runs(list(find_runs(arguments.runs)), arguments.output))
    return 0


def _store(arguments: argparse.Namespace) -> int:
    for run in find_runs(arguments.runs):
        rebuild_store(run)
    return 0


def _labels(arguments: argparse.Namespace) -> int:
    (run,) = find_runs([arguments.run])
    check_folder(arguments.output)
    for path in export_labels(run, arguments.output):
        print(path)
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "resume": _resume,
    "figures": _figures,
    "query": _query,
    "report": _report,
    "store": _store,
    "labels": _labels,
    **weight_commands.COMMANDS,
}


def _in_one_line(prog: str, action: Callable[[], int]) -> int:
    warnings.formatwarning = _warning_line
    interruption = Interruption()
    try:
        with interruptible() as interruption:
            return action()
    except (SpecError, OSError) as error:
        unwritten = give_up_if_unwritable()
        print(f"{prog}: {f'standard output: {unwritten.strerror}' if unwritten else error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"{prog}: {interruption.told(stop)}", file=sys.stderr)
        cluster.leave(interruption.status)
        return interruption.status


def _warning_line(message: Warning | str, *_: object, **__: object) -> str:
    return f"warning: {message}\n"


def _sweep_names() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(sweeps.__path__)]
