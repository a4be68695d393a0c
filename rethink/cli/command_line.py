"""The `rethink` command. What a subcommand needs is imported when it is chosen."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rethink.cli import weight_commands
from rethink.cli.one_line import OneLineParser, _in_one_line, indented
from rethink.cli.options import folder
from rethink.cli.plugins import of_analysis, of_query, sweep_module, sweep_names
from rethink.cli.run_commands import add_train_from, fill_sweep_parser, run_sweep, train_from
from rethink.cli.sweep_help import SweepHelp
from rethink.errors import RethinkError, SpecError
from rethink.own_code import line_of, own_code
from rethink.records.outputs import check_folder
from rethink.records.run_directory import find_runs
from rethink.sweep.sweep import Sweep
from rethink.terminal import at_any_terminal


@at_any_terminal
def main(argv: Sequence[str] | None = None) -> int:
    """The `rethink` command. Returns the exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    if not given:
        given = ["--help"]
    if given in (["run"], ["run", "-h"], ["run", "--help"]):
        print(f"usage: rethink run SWEEP [options]\n\n{_sweeps()}\n\n`rethink run SWEEP --help` shows its options.")
        return 0
    parser = _parser()
    if given[0] in ("-h", "--help"):
        parser.epilog = _sweeps()
    elif given[0].startswith("-"):
        parser.refuse(given[:1])
    elif given[0] == "run" and given[1].startswith("-"):
        parser.error(f"run: a sweep comes before {given[1]}: {', '.join(sweep_names())}")
    arguments = parser.parse_args(given)
    if arguments.command == "run":
        prog = f"rethink run {arguments.sweep}"
        return _in_one_line(prog, lambda: run_sweep(_sweep_of(arguments.sweep), arguments.options))
    return _in_one_line(f"rethink {arguments.command}", lambda: _COMMANDS[arguments.command](arguments))


def _complete(arguments: argparse.Namespace) -> int:
    """Print the script with which a shell completes commands, sweeps and options."""
    import shtab

    parser = _parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    run = commands.choices["run"] = OneLineParser(prog="rethink run", add_help=False)
    sweeps = run.add_subparsers(parser_class=OneLineParser)
    for name in sweep_names():
        sweep = _sweep_of(name)
        fill_sweep_parser(sweeps.add_parser(name, help=sweep.about.replace("%", "%%")), sweep, SweepHelp())
    print(shtab.complete(parser, arguments.shell))
    return 0


def _sweeps() -> str:
    """The sweeps, each with its line."""
    lines = ["sweeps:"]
    for name in sweep_names():
        try:
            sweep = _sweep_of(name)
            about = sweep.about.rstrip(".") + (f" ({sweep.figure})" if sweep.figure else "")
        except SpecError as error:
            about = f"cannot run: {error}"
        lines += [f"  {name}", *indented(about)]
    return "\n".join(lines)


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="rethink",
        description="Sweeps over corrupted data: who generalizes, who memorizes?",
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands", parser_class=OneLineParser
    )
    run = commands.add_parser("run", help="run a sweep: `rethink run SWEEP --help` shows its options", add_help=False)
    run.add_argument("sweep", choices=sweep_names(), metavar="SWEEP", help=", ".join(sweep_names()))
    run.add_argument("options", nargs=argparse.REMAINDER)
    resumed = commands.add_parser("resume", help="run what is left of an interrupted or failed run")
    resumed.add_argument("run", type=Path, metavar="RUN", help="run directory")
    watched = commands.add_parser("watch", help="the live table of a run that another process or machine runs")
    watched.add_argument("run", type=Path, metavar="RUN", help="run directory")
    add_train_from(commands)
    weight_commands.add_parsers(commands)
    drawn = commands.add_parser("figures", help="table and figures of one or more runs")
    drawn.add_argument("runs", type=Path, nargs="+", help="run directories, or packed runs")
    drawn.add_argument("--output", type=folder, help="folder of the figures (default: figures/ in the first run)")
    ranked = commands.add_parser(
        "rank", help="which complexity measures order the generalization gaps of the networks of one or more runs"
    )
    ranked.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories, or packed runs")
    ranked.add_argument(
        "--moment",
        choices=("fit", "loss", "end"),
        help="when the networks are compared (default: at the loss, if any came to it, else at the fit)",
    )
    asked = commands.add_parser(
        "query",
        help="an SQL query of the tables trials, epochs, measures, cells, slowdowns, effects, capacity and ranking",
        description=f"The answer of one SELECT. {of_query('LIMITS')}.",
    )
    asked.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories, or packed runs")
    asked.add_argument("sql", metavar="SQL", help='such as "select model, level, n, km_median from cells"')
    asked.add_argument("--format", choices=of_query("FORMATS"), default="table", help="default: table")
    asked.add_argument("--output", type=folder, help="file of the answer (default: print it)")
    reported = commands.add_parser("report", help="one HTML file with all there is to see of one or more runs")
    reported.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories, or packed runs")
    reported.add_argument("--output", type=folder, help="the file (default: report.html in the first run)")
    packed = commands.add_parser(
        "pack", help="what a run measured in one small file, which figures, query and report read"
    )
    packed.add_argument("run", type=Path, metavar="RUN", help="run directory")
    packed.add_argument("output", type=folder, metavar="FILE", help="the file, *.parquet")
    completed = commands.add_parser("completion", help="the script with which a shell completes what is typed")
    completed.add_argument("shell", choices=("bash", "zsh", "tcsh"), metavar="SHELL", help="bash, zsh or tcsh")
    labels = commands.add_parser("labels", help="export the label tables of a run as CSV files")
    labels.add_argument("run", type=Path, help="run directory")
    labels.add_argument("output", type=folder, help="folder of the CSV files, one for each corruption")
    return parser


def _sweep_of(name: str) -> Sweep:
    try:
        with own_code(f"sweeps/{name}.py"):
            sweep: Sweep = sweep_module(name).SWEEP
    except RethinkError as error:  # raised by the import of the sweep file
        raise SpecError(f"{error}{line_of(error)}") from None
    return sweep


def _resume(arguments: argparse.Namespace) -> int:
    if arguments.run.is_file():
        raise SpecError(f"{arguments.run} is no run directory; `rethink train-from FILE` trains on from weights")
    (run,) = find_runs([arguments.run])
    from rethink.runs.start_and_resume import resume

    return 0 if of_analysis("show_results")(resume(run)) else 1


def _watch(arguments: argparse.Namespace) -> int:
    (run,) = find_runs([arguments.run])
    from rich.console import Console

    from rethink.runs.display.watch import watch

    return 0 if watch(run, Console()) else 1


def _figures(arguments: argparse.Namespace) -> int:
    return 0 if of_analysis("show_figures")(arguments.runs, arguments.output) else 1


def _rank(arguments: argparse.Namespace) -> int:
    of_analysis("show_ranking")(arguments.runs, arguments.moment)
    return 0


def _query(arguments: argparse.Namespace) -> int:
    of_analysis("answer")(arguments.runs, arguments.sql, arguments.format, arguments.output)
    return 0


def _report(arguments: argparse.Namespace) -> int:
    print(of_analysis("report_runs")(arguments.runs, arguments.output))
    return 0


def _pack(arguments: argparse.Namespace) -> int:
    of_analysis("pack_run")(arguments.run, arguments.output)
    return 0


def _labels(arguments: argparse.Namespace) -> int:
    from rethink.runs.labels.export import export_labels

    (run,) = find_runs([arguments.run])
    check_folder(arguments.output)
    for path in export_labels(run, arguments.output):
        print(path)
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "resume": _resume,
    "train-from": train_from,
    "watch": _watch,
    "completion": _complete,
    "figures": _figures,
    "rank": _rank,
    "query": _query,
    "report": _report,
    "pack": _pack,
    "labels": _labels,
    **weight_commands.COMMANDS,
}
