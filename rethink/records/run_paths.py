"""Where the files of a run lie.

run.json                        what was asked for: sweep, specs, command, versions (run_record)
rows/<spec id>-<attempt>.jsonl  one file per attempt at a trial: a header line, then one line per row (rows)
outcomes.jsonl                  one line per trial that ended: why
decisions.jsonl                 one line per trial at a rung of a search: whether it goes on
checkpoints/<spec id>.pt        the trial's newest state (atomically replaced), with a checksum
checkpoints/<spec id>.pt.previous  the one before, until the trial has ended
checkpoints/<spec id>.pt.damaged-<n>  one that was not what it should be, set aside
measures/<spec id>.json         complexity measures of the trial's network at its moments (measures/measure_file)
start/<spec id>.pt              the weights that a trial starts from, if not from the seed's
.lock                           held by the process that drives the run (run_lock)
run.log                         what happened, and when: starts, machines, trials, warnings, errors
errors/<spec id>.txt            the stacks of a trial that failed
errors/ray.log                  what Ray had to say meanwhile
tune/  tensorboard/  figures/
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunPaths:
    """The paths of one run."""

    root: Path

    @property
    def name(self) -> str:
        """The folder's name, as frames and pages say it: bytes that are no UTF-8 as \\xNN."""
        return os.fsencode(self.root.resolve().name).decode(errors="backslashreplace")

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def outcomes_file(self) -> Path:
        return self.root / "outcomes.jsonl"

    @property
    def decisions_file(self) -> Path:
        return self.root / "decisions.jsonl"

    @property
    def log(self) -> Path:
        return self.root / "run.log"

    @property
    def lock(self) -> Path:
        return self.root / ".lock"

    @property
    def ray_log(self) -> Path:
        return self.root / "errors" / "ray.log"

    @property
    def rows(self) -> Path:
        return self.root / "rows"

    @property
    def figures(self) -> Path:
        return self.root / "figures"

    @property
    def tune(self) -> Path:
        return self.root / "tune"

    @property
    def tensorboard(self) -> Path:
        return self.root / "tensorboard"

    def checkpoint(self, spec_id: str) -> Path:
        return self.root / "checkpoints" / f"{spec_id}.pt"

    def measures_file(self, spec_id: str) -> Path:
        return self.root / "measures" / f"{spec_id}.json"

    def start_file(self, spec_id: str) -> Path:
        return self.root / "start" / f"{spec_id}.pt"

    def error_file(self, spec_id: str) -> Path:
        return self.root / "errors" / f"{spec_id}.txt"

    @property
    def folders(self) -> list[Path]:
        """Those that trials write to."""
        files = (self.checkpoint("x"), self.measures_file("x"), self.start_file("x"), self.error_file("x"))
        return [self.rows, self.tensorboard, self.tune, *(file.parent for file in files)]
