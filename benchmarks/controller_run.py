"""One process of controller_at_scale.py: a sweep of made trials, run as any sweep is and timed in its driver.

python -m benchmarks.controller_run '{"slots": 100, "trials": 1000, "epochs": 10}'     each trial one report
python -m benchmarks.controller_run '{"slots": 100, "trials": 100, "enough": 2000}'    2,000 reports of endless trials
"""

import contextlib
import dataclasses
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import psutil
import ray
from rich.console import Console

from benchmarks.simulated_actors import MadeTrainable, Simulation
from rethink.ray_backend import tuner
from rethink.run_options import RunOptions
from rethink.runs import start_and_resume
from rethink.runs.display.progress import Progress
from rethink.spec import TrialSpec
from rethink.sweep.sweep import Sweep

ENDLESS = 10**6  # epochs
LEVELS = 5


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is run. `enough` ends a run of endless trials after so many reports since all slots were taken."""

    slots: int
    trials: int  # a multiple of LEVELS, or fewer than that
    epochs: int = ENDLESS
    enough: int = 0
    report_seconds: float = 0.0  # 0: a trial answers at once
    simulated: bool = True  # False: a process for every actor
    terminal: bool = False  # whether progress is a live table
    snapshot_seconds: str = "auto"  # between Tune's snapshots; "auto": 10, or more where they take long


class Enough(BaseException):
    """Ends a run of endless trials; no Exception, as Tune keeps those to itself."""


class TimedProgress(Progress):
    """The display, and the moments at which it heard of reports and of ends of trials."""

    settings: ClassVar[Settings]
    running: ClassVar[set[str]] = set()
    reports: ClassVar[list[tuple[float, float]]] = []  # (wall, CPU time of this process), since all slots were taken
    ends: ClassVar[list[float]] = []

    def update(self, spec: TrialSpec, row: Mapping[str, Any], seconds: float) -> None:
        super().update(spec, row, seconds)
        self.running.add(spec.spec_id)
        if len(self.running) >= self.settings.slots:
            self.reports.append((time.perf_counter(), time.process_time()))
        if len(self.reports) > self.settings.enough > 0:
            raise Enough

    def finish(self, spec: TrialSpec, outcome: str) -> None:
        super().finish(spec, outcome)
        self.ends.append(time.perf_counter())


def run(settings: Settings) -> dict[str, Any]:
    """Measured in the driver: seconds, bytes, and their ratios as named."""
    TimedProgress.settings = settings
    os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = settings.snapshot_seconds
    no_workers_ahead = {"prestart_worker_first_driver": False, "enable_worker_prestart": False}
    quiet: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    ray.init(num_cpus=settings.slots, _system_config=no_workers_ahead if settings.simulated else None, **quiet)
    process = psutil.Process()
    memory = process.memory_info().rss
    simulation = Simulation(settings.slots, settings.report_seconds) if settings.simulated else None
    started, written = time.perf_counter(), process.io_counters().write_chars
    with tempfile.TemporaryDirectory() as storage:
        with contextlib.suppress(Enough), simulation.in_place() if simulation else contextlib.nullcontext():
            _start(settings, Path(storage))
        files = [path for path in Path(storage).rglob("tune/**/*") if path.is_file()]
        sizes = [path.stat().st_size for path in files]
    return {
        "settings": dataclasses.asdict(settings),
        "start_seconds": TimedProgress.reports[0][0] - started,
        "seconds": time.perf_counter() - started,
        "memory_before": memory,
        "memory_added": process.memory_info().rss - memory,
        "written": process.io_counters().write_chars - written,
        "tune_files": len(files),
        "tune_bytes": sum(sizes),
        **(_rates() if settings.enough else _ends()),
        **(_waits(simulation, settings.report_seconds) if simulation and settings.report_seconds else {}),
    }


def _start(settings: Settings, storage: Path) -> None:
    levels = [level / LEVELS for level in range(min(LEVELS, settings.trials))]
    seeds = list(range(settings.trials // len(levels)))
    block = {"model": "mlp_1x512", "label_corruption": levels, "max_epochs": settings.epochs, "seed": seeds}
    sweep = Sweep("controller", "Made trials.", {"default": [block]})
    console = Console(file=io.StringIO(), force_terminal=settings.terminal, width=120, height=50)
    options = RunOptions(ray_address="local", report_seconds=0.0)
    shown = mock.patch.multiple(start_and_resume, Progress=TimedProgress, Console=lambda: console)
    with shown, mock.patch.object(tuner, "NetworkTrainable", MadeTrainable):
        start_and_resume.start(sweep, "default", sweep.specs("default", {}), storage, "run", options)


def _rates() -> dict[str, float]:
    (first, first_cpu), (last, last_cpu) = TimedProgress.reports[0], TimedProgress.reports[-1]
    reports = len(TimedProgress.reports) - 1
    return {"reports_a_second": reports / (last - first), "cpu_a_report": (last_cpu - first_cpu) / reports}


def _ends() -> dict[str, float]:
    """Driver time from a trial's end to the next one's: of all trials, of the first and of the last tenth of them."""
    ends, tenth = TimedProgress.ends, max(len(TimedProgress.ends) // 10, 1)
    return {
        "seconds_a_trial": (ends[-1] - ends[0]) / (len(ends) - 1),
        "seconds_a_trial_first": (ends[tenth] - ends[0]) / tenth,
        "seconds_a_trial_last": (ends[-1] - ends[-1 - tenth]) / tenth,
    }


def _waits(simulation: Simulation, report_seconds: float) -> dict[str, float]:
    waits = [wait for moment, wait in simulation.waits() if moment >= TimedProgress.reports[0][0]]
    mean = statistics.mean(waits)
    return {"waiting": mean / (mean + report_seconds), "wait_p99": statistics.quantiles(waits, n=100)[-1]}


if __name__ == "__main__":
    print(json.dumps(run(Settings(**json.loads(sys.argv[1])))), flush=True)
    os._exit(0)  # endless trials are not waited for
