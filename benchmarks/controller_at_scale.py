"""How many reports does the controller take, what does a trial cost its driver, and how long do trials wait for it?

The driver is the product's own, with Tune's controller, the scheduler, the loggers, and the progress
display; the trials and their processes are simulated, see simulated_actors.py. Every run is a process of its own.
"""

import json
import subprocess
import sys
from typing import Any

from benchmarks.measurement import Measurement, main

CONCURRENT = (10, 100, 1000)  # trials at a time
SHORT = (10, 100, 1000)  # trials of one report, ten at a time
NEVER = "1e9"  # seconds between Tune's snapshots


def measure(quick: bool) -> list[Measurement]:
    concurrent, short, samples = ((10, 20), (10, 20), 1) if quick else (CONCURRENT, SHORT, 2)
    return [
        *_calibration(100 if quick else 1000, samples),
        *(measured for n in concurrent[:-1] for measured in _reports(n, 100 if quick else 2000, samples)),
        *_reports(concurrent[-1], 100 if quick else 2000, 1),
        *_waiting(concurrent[-1], 1.0 if quick else 8.0),
        *(measured for n in short for measured in _short_trials(n)),
    ]


def _calibration(enough: int, samples: int) -> list[Measurement]:
    real: list[float] = []
    simulated: list[float] = []
    for _ in range(samples):  # in turn, so that a change of the machine's load meets both
        for actors, found in ((False, real), (True, simulated)):
            found.append(_run(slots=2, trials=2, enough=enough, simulated=actors)["cpu_a_report"])
    return [
        Measurement(
            what="driver's CPU time a report: two real actors against two simulated ones",
            unit="times",
            samples=[one / other for one, other in zip(real, simulated, strict=True)],
            note="below 1: simulated actors cost the driver more than real ones",
        )
    ]


def _reports(trials: int, enough: int, samples: int) -> list[Measurement]:
    runs = [_run(slots=trials, trials=trials, enough=enough) for _ in range(samples)]
    note = f"{trials} trials at a time that answer at once, {enough} reports"
    return [
        _of(runs, "reports_a_second", f"reports that the controller takes, {trials} trials at a time", "1/s", note),
        _of(runs, "cpu_a_report", f"driver's CPU time a report, {trials} trials at a time", "s", note),
        _of(runs, "start_seconds", f"from the start of a run to {trials} trials running", "s", ""),
    ]


def _waiting(trials: int, report_seconds: float) -> list[Measurement]:
    measured = []
    for snapshot_seconds, said in (("auto", "Tune's own snapshots on"), (NEVER, "off")):
        settings = {"slots": trials, "trials": trials, "report_seconds": report_seconds}
        run = _run(**settings, enough=2 * trials, snapshot_seconds=snapshot_seconds)
        what = f"of a trial's time, waiting for the controller, {trials} trials, {said}"
        note = f"a report every {report_seconds:g} s; 99% wait less than {run['wait_p99']:.2g} s"
        measured.append(_of([run], "waiting", what, "fraction", note))
    return measured


def _short_trials(trials: int) -> list[Measurement]:
    run = _run(slots=10, trials=trials, epochs=10, snapshot_seconds=NEVER)
    note = f"first tenth {run['seconds_a_trial_first']:.3f} s, last tenth {run['seconds_a_trial_last']:.3f} s"
    memory = {"memory_a_trial": run["memory_added"] / trials / 1e6}
    logged = f"{run['tune_files'] / trials:.1f} files, {run['tune_bytes'] / trials / 1e3:.0f} kB"
    before = f"beside {run['memory_before'] / 1e6:.0f} MB before the run; Tune's folder has {logged} a trial"
    return [
        _of(
            [run],
            "seconds_a_trial",
            f"driver's time from a trial's end to the next, {trials} trials of one report",
            "s",
            note,
        ),
        _of([memory], "memory_a_trial", f"driver's resident memory a trial, of {trials}", "MB", before),
    ]


def _of(runs: list[dict[str, Any]], name: str, what: str, unit: str, note: str) -> Measurement:
    return Measurement(what=what, unit=unit, samples=[run[name] for run in runs], note=note)


def _run(**settings: Any) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.controller_run", json.dumps(settings)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return found


if __name__ == "__main__":
    main(measure)
