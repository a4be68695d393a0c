"""What a sweep ends with, and the commands that look further."""

import shutil
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import pandas as pd

from analysis import frames, query
from analysis.figures import all_figures
from analysis.ranking import ranking
from analysis.reading.measure_files import encoded_states
from analysis.reading.packed_run import SUFFIX, pack
from analysis.reading.run_facts import read_runs
from analysis.reading.runs import open_runs
from analysis.report import report
from analysis.statistics.cells import summary
from analysis.tables.ranking_text import ranking_text
from analysis.tables.summary_text import to_text
from rethink.errors import RethinkError, RunError, SpecError
from rethink.records.outputs import REPORT, check_file, check_folder, write
from rethink.records.run_directory import RunDirectory
from rethink.terminal import put

NOT_ENDED = ("error", "unfinished")  # stop reasons


def answer(runs: Sequence[Path], sql: str, form: str, output: Path | None) -> None:
    """Print the answer of an SQL query of these runs, or write it to a file, in one of `query_limits.FORMATS`."""
    if form == "parquet" and output is None:
        raise SpecError("a Parquet answer needs a file: --output FILE")
    if output is not None:
        check_file(output)
    content = query.encoded(query.ask(frames.load(*runs), sql), form)
    if output is not None:
        write(output, content)
    elif form == "table":
        print(content.decode(), end="")  # for eyes; what programs read is UTF-8 on any terminal
    else:
        put(content)


def report_runs(runs: Sequence[Path], output: Path | None) -> Path:
    """Write the report of these runs; return its path."""
    path = output or _directory(runs[0]).root / REPORT
    check_file(path)
    report.write_report(runs, path)
    return path


def pack_run(path: Path, output: Path) -> None:
    """Pack a run into one file: what was measured, without rows, checkpoints, curves and local paths."""
    if output.suffix != SUFFIX:
        raise SpecError(f"output = {str(output)!r} is not allowed: a packed run's name ends in {SUFFIX}")
    check_file(output)
    loaded = frames.load(path)
    (record,) = read_runs([path]).values()
    measures = encoded_states(loaded.runs[0], loaded.trials["spec_id"])
    pack(record, loaded.trials, loaded.epochs, measures, output)
    print(f"packed       {output}: {len(loaded.trials):,} trials, {len(loaded.epochs):,} rows")


def show_results(run: RunDirectory) -> bool:
    """Print the table, draw the figures, say where to look. Returns whether every trial came to an end of its own.

    What the trials measured is on disk by now: figures that cannot be drawn or written are warned of, and cost no more.
    """
    loaded = frames.load(run.root)
    _show_table(loaded)
    try:
        _draw(loaded, [run.root], run.figures)
    except (OSError, RethinkError) as error:
        problem = f"there are no figures ({error})"
        warnings.warn(f"{problem}; `rethink figures {quote(str(run.root))}` draws them", stacklevel=2)
    return _show_places([run], loaded.trials)


def show_ranking(runs: Sequence[Path], moment: str | None) -> None:
    """Print how each complexity measure orders the generalization gaps of these runs' networks, and who is missing.

    Args:
        runs: Run directories and packed runs, ranked together.
        moment: fit, loss or end; None: the loss, if any network came to it, else the fit, else the end.

    Raises:
        RunError: Fewer than two networks were measured at that moment.
    """
    loaded = frames.load(*runs)
    chosen = moment or ranking.moment_of(loaded.measures) or "fit"
    table = ranking.ranking(loaded.trials, loaded.measures, [chosen])
    if table.empty:
        told = ", ".join(sorted(set(loaded.measures["moment"]))) or "none: `rethink measure RUN` adds them"
        raise RunError(f"no two networks were measured at moment {chosen}; there are measures of: {told}")
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(ranking_text(table, loaded.trials, loaded.measures, chosen, width))


def show_figures(runs: Sequence[Path], output: Path | None) -> bool:
    """Print the table, draw the figures, say where to look. Returns whether every figure could be drawn."""
    folder = output or _directory(runs[0]).figures
    check_folder(folder)
    loaded = frames.load(*runs)
    _show_table(loaded)
    all_drawn = _draw(loaded, runs, folder)
    _show_places([run for run in open_runs(runs) if isinstance(run, RunDirectory)], loaded.trials)
    return all_drawn


def _directory(path: Path) -> RunDirectory:
    """The run directory there. Raises SpecError for a packed run, beside which nothing is written unasked."""
    (run,) = open_runs([path])
    if isinstance(run, RunDirectory):
        return run
    raise SpecError(f"{path} is a packed run: say where the output goes, with --output")


def _show_table(loaded: frames.Frames) -> None:
    print()
    print(to_text(summary(loaded.trials)))
    print()


def _draw(loaded: frames.Frames, runs: Sequence[Path], folder: Path) -> bool:
    check_folder(folder)
    drawn = all_figures.draw(loaded, read_runs(runs), folder)
    for path in drawn.written:
        print(f"figure       {path}")
    return not drawn.failed


def _show_places(runs: Sequence[RunDirectory], trials: pd.DataFrame) -> bool:
    for run in runs:
        print(f"run          {run.root}")
        print(f"curves       tensorboard --logdir {quote(str(run.tensorboard))}")
        print(f"report       rethink report {quote(str(run.root))}")
        _print_what_is_left(run, trials[trials["run"] == run.name])
    return not trials["stop_reason"].isin(NOT_ENDED).any()


def _print_what_is_left(run: RunDirectory, trials: pd.DataFrame) -> None:
    for spec_id in trials.loc[trials["stop_reason"] == "error", "spec_id"]:
        print(f"failed       {run.error_file(spec_id)}")
    if trials["stop_reason"].isin(NOT_ENDED).any():
        print(f"go on with   rethink resume {quote(str(run.root))}")
