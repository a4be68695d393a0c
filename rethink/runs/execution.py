"""Trials of a run on Ray, and what the user is told meanwhile."""

from collections.abc import Mapping, Sequence
from shlex import quote

from rich.console import Console

from rethink.data.betons.beton import PreparedData
from rethink.errors import EndedEarly
from rethink.files.log_file import LOGGER
from rethink.ray_backend import cluster, tuner
from rethink.ray_backend.reporter import Reporter
from rethink.ray_backend.time_budget import TimeBudget
from rethink.records.provenance import command
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.runs.display.progress import Progress
from rethink.runs.expected import announced, expected_costs
from rethink.runs.preparation import cost_of
from rethink.runs.resumption import recorded_rungs
from rethink.spec import TrialSpec


def resume_command(run: RunDirectory) -> str:
    return f"rethink resume {quote(str(run.root))}"


def execute(
    run: RunDirectory,
    specs: Sequence[TrialSpec],
    prepared: Mapping[str, PreparedData],
    options: RunOptions,
    resources: Mapping[str, float],
    begun: float,
) -> None:
    """Run these trials of a run until the last one has ended, or what the options say ends the sweep before.

    `begun` is the time, of time.monotonic, at which the time budget began.
    """
    costs = {spec: cost_of(spec, prepared) for spec in specs}
    data_sha256 = {name: data.content_sha256 for name, data in prepared.items()}
    labels = run.read_run().labels
    LOGGER.info("%s: trials to run: %d, on %s", command(), len(specs), cluster.described())
    expected = expected_costs(specs, prepared, options)
    for line in announced(run, specs, expected, options, cluster.slots(resources)):
        print(line, flush=True)
    with Progress(costs, lambda: cluster.slots(resources), Console(), labels) as progress:
        seconds = options.budget_seconds
        budget = None if seconds is None else TimeBudget(begun + seconds, progress.seconds_left)
        reporter = Reporter(run, progress, labels, fail_fast=options.fail_fast, budget=budget)
        try:
            tuner.run_trials(run, costs, data_sha256, options, resources, recorded_rungs(run), reporter, budget)
        except EndedEarly as end:
            LOGGER.warning("%s", end)
            progress.say(str(end))
        else:
            LOGGER.info("every trial has ended or failed")
