"""One self-contained HTML file about any number of runs: figures, tables, statistics, trials, how to reproduce them."""

import base64
import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from analysis.captions import scale
from analysis.figures.all_figures import attempt, figures
from analysis.figures.paper_curves import MakeFigure
from analysis.figures.svg import embedded
from analysis.frames import Frames, load
from analysis.grouping.comparisons import Comparisons
from analysis.reading.packed_run import without_folders
from analysis.reading.run_facts import Runs, created, read_runs
from analysis.reading.runs import open_runs
from analysis.report.example_images import example_images
from analysis.tables.paper_tables import READING, published_tables
from analysis.tables.ranking_tables import ranking_tables
from analysis.tables.statistics_tables import statistics_tables
from analysis.tables.table import Table
from analysis.tables.trial_tables import MOST_TRIALS, all_trials, trial_tables
from rethink.records.outputs import write
from rethink.records.run_directory import RunDirectory
from rethink.records.run_record import Addition, RunRecord

_PAGE = Path(__file__).parent / "page"
_EXAMPLE = re.compile(r"(?P<dataset>.+)/(?P<pixels>[a-z_]*?)_?p(?P<level>[\d.e-]+)_seed(?P<seed>\d+)")


def write_report(run_paths: Sequence[str | Path], path: Path) -> None:
    """Write the report of these runs: one HTML file that asks the network for nothing.

    Args:
        run_paths: Run directories and packed runs, finished, running or crashed.
        path: The file; one that exists is replaced.

    Raises:
        RethinkError, OSError: What `load` raises for these runs.
        OSError: The file cannot be written.
    """
    frames, runs = load(*run_paths), read_runs(run_paths)
    directories = {run.name: run for run in open_runs(run_paths) if isinstance(run, RunDirectory)}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["quoted"] = shlex.quote
    script = (_PAGE / "report.js").read_text(encoding="utf-8")
    page = environment.get_template("report.html").render(
        title=f"rethink report: {', '.join(dict.fromkeys(_spaced(run.sweep) for run in runs.values()))}",
        scale=scale(frames.trials, created(runs)) if len(frames.trials) else "no trial",
        tiles=_tiles(frames),
        warnings=list(_warnings(frames, runs)),
        runs=_runs_table(frames.trials, runs),
        reading=READING,
        sweeps=list(_sweeps(frames, runs)),
        trials=trial_tables(frames.trials, directories),
        all_trials=all_trials(frames.trials) if len(frames.trials) <= MOST_TRIALS else None,
        csv=_base64(frames.trials.to_csv(index=False).encode()),
        examples=list(_examples(directories)),
        reproduce=[_reproduction(name, run, frames.trials[frames.trials["run"] == name]) for name, run in runs.items()],
        css=Markup((_PAGE / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=_base64(hashlib.sha256(script.encode()).digest()),
    )
    write(path, page.encode())


def _tiles(frames: Frames) -> list[tuple[str, str]]:
    trials = frames.trials
    counts = trials["status"].value_counts()
    shown = [(str(status), f"{count:,}") for status, count in counts.items() if count or status == "fitted"]
    hours = float(trials["seconds"].sum()) / 3600
    return [
        ("trials", f"{len(trials):,}"),
        *shown,
        ("epochs", f"{trials['epochs'].sum():,}"),
        ("trial hours", f"{hours:.2f}"),
    ]


def _warnings(frames: Frames, runs: Runs) -> Iterator[str]:
    if frames.damaged_lines or frames.damaged_files:
        yield (
            f"{frames.damaged_lines} damaged lines and {frames.damaged_files} damaged files were left out; "
            "the command names them."
        )
    without_time = int(frames.trials["seconds"].isna().sum())
    if without_time:
        yield f"{without_time} trials have lost a row: their time is not in the hours above."
    unended = int(frames.trials["stop_reason"].eq("unfinished").sum())
    if unended:
        yield f"{unended} trials have not ended: they are running, waiting or interrupted."
    for name, run in runs.items():
        if any("dirty" in start.versions.get("rethink", "") for start in run.starts):
            yield f"{name} ran code with changes that no commit has."


def _runs_table(trials: pd.DataFrame, runs: Runs) -> Table:
    head = ["run", "sweep", "variant", "started (UTC)", "trials", "fitted", "data", "code"]
    rows = []
    for name, run in runs.items():
        own = trials[trials["run"] == name]
        started, code = f"{run.created:%Y-%m-%d %H:%M}", run.versions.get("rethink", "?")
        fitted = str(int(own["fitted"].sum()))
        rows.append([name, run.sweep, run.variant, started, str(len(own)), fitted, ", ".join(run.data), code])
    return Table("Runs", "", head, rows)


def _sweeps(frames: Frames, runs: Runs) -> Iterator[dict[str, Any]]:
    """Figures, published tables and statistics of each sweep, its runs taken together."""
    for number, sweep in enumerate(dict.fromkeys(run.sweep for run in runs.values()), start=1):
        own = {name: run for name, run in runs.items() if run.sweep == sweep}
        part = _of_runs(frames, list(own))
        if part.trials.empty:
            continue
        found = Comparisons(part.trials, part.epochs, partial(_measures_of, part))
        yield {
            "id": f"sweep-{number}",  # a name may hold anything
            "title": _title(sweep),
            "scale": scale(part.trials, created(own)),
            "figures": list(_figures(found, own, f"sweep-{number}")),
            "published": published_tables(found),
            "statistics": statistics_tables(part.trials) + ranking_tables(found),
        }


def _of_runs(frames: Frames, names: Sequence[str]) -> Frames:
    trials, epochs = frames.trials, frames.epochs
    own = tuple(run for run in frames.runs if run.name in names)
    return Frames(trials[trials["run"].isin(names)], epochs[epochs["run"].isin(names)], 0, 0, own)


def _measures_of(frames: Frames) -> pd.DataFrame:
    return frames.measures


def _figures(found: Comparisons, runs: Runs, section: str) -> Iterator[dict[str, Any]]:
    """Each figure as on paper and, if that is wider than a phone, with its panels one below another."""
    for (name, make), (_, make_narrow) in zip(figures(found, runs), figures(found, runs, across=1), strict=True):
        shown = attempt(name, partial(_drawings, make, make_narrow, f"{section}-{name}"))
        yield shown or {"title": f"The figure {name} could not be drawn: the command says why.", "drawings": []}


def _drawings(make: MakeFigure, make_narrow: MakeFigure, name: str) -> dict[str, Any]:
    figure, narrow = make(), make_narrow()
    title = figure.texts[0].get_text().replace("\n", " ")
    drawings = {"": figure}
    if figure.get_figwidth() > narrow.get_figwidth():
        drawings = {"wide": figure, "narrow": narrow}
    return {"title": title, "drawings": [(kind, Markup(embedded(one, name + kind))) for kind, one in drawings.items()]}


def _examples(runs: Mapping[str, RunDirectory]) -> list[tuple[str, str]]:
    """(what it shows, data URL), once for every corruption of a data set."""
    found: dict[str, bytes] = {}
    for run in runs.values():
        found |= example_images(run)
    named = sorted((_example_name(tag), png) for tag, png in found.items())
    return [(name, f"data:image/png;base64,{_base64(png)}") for name, png in named]


def _example_name(tag: str) -> str:
    match = _EXAMPLE.fullmatch(tag)
    if match is None:
        return tag
    pixels = "true" if not match["pixels"] else _spaced(match["pixels"]).removesuffix(" pixels")
    return f"{match['dataset']}, {pixels} pixels, label corruption {match['level']}, corruption seed {match['seed']}"


def _reproduction(name: str, run: RunRecord, trials: pd.DataFrame) -> dict[str, Any]:
    versions = run.versions
    commands = [line for start in run.starts for line in _commands(start)]
    seeds = [f"{seed.replace('_', ' ')} {_listed(trials[seed])}" for seed in ("seed", "corruption_seed", "subset_seed")]
    facts = {
        "packages": ", ".join(f"{package} {version}" for package, version in versions.items()),
        "machines": _listed(trials["host"]),
        "device, threads": f"{_listed(trials['device'])}, {_listed(trials['threads'])}",
        "seeds": "; ".join(seeds),
        **{f"data: {data}": f"SHA-256 {about.content_sha256}" for data, about in run.data.items()},
    }
    return {"name": name, "commands": "\n".join(commands), "facts": list(facts.items())}


def _commands(start: RunRecord | Addition) -> list[str]:
    """What makes the trials of one start again."""
    _, _, commit = start.versions.get("rethink", "").partition("+")
    return [*([f"git checkout {commit.removesuffix('-dirty')}"] if commit else []), _command(start.command)]


def _command(recorded: str) -> str:
    """What was typed, without the folders of this machine."""
    try:
        program, *arguments = shlex.split(without_folders(recorded))
    except ValueError:  # altered or empty
        return recorded
    if Path(program).name == "__main__.py":
        return shlex.join(["python", "-m", Path(program).parent.name, *arguments])
    if program.endswith(".py"):
        return shlex.join(["python", program, *arguments])
    return shlex.join([Path(program).name, *arguments])


def _listed(values: "pd.Series[Any]") -> str:
    return ", ".join(str(value) for value in sorted(values.dropna().unique())) or "unknown"


def _title(sweep: str) -> str:
    text = _spaced(sweep).replace("imagenet", "ImageNet")
    return text[:1].upper() + text[1:]


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
