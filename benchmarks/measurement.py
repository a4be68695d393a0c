"""What a benchmark reports, and the command line that every benchmark script shares."""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Goal:
    """The bound that the median of a measurement has to keep."""

    bound: Literal["at least", "at most"]
    value: float

    def met(self, value: float) -> bool:
        return value >= self.value if self.bound == "at least" else value <= self.value


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number of the report: n samples of it, the goal for their median if it has one, and how it was taken."""

    what: str
    unit: str  # "s", or "fraction" and "times" for ratios
    samples: Sequence[float]
    goal: Goal | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; the quartiles are null for fewer than two samples."""
        median, many = statistics.median(self.samples), len(self.samples) > 1
        return {
            "what": self.what,
            "unit": self.unit,
            "median": median,
            "n": len(self.samples),
            "quartiles": statistics.quantiles(self.samples, method="inclusive")[::2] if many else None,
            "range": [min(self.samples), max(self.samples)],
            "goal": f"{self.goal.bound} {self.goal.value:g}" if self.goal else None,
            "met": self.goal.met(median) if self.goal else None,
            "note": self.note,
            "samples": list(self.samples),
        }


def main(measure: Callable[[bool], list[Measurement]]) -> None:
    """Run one benchmark from the command line; `measure` is told whether to be quick."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few samples: shows that it runs, not how fast")
    parser.add_argument("--json", type=Path, help="file for the measurements")
    arguments = parser.parse_args()
    measurements = [measurement.to_dict() for measurement in measure(arguments.quick)]
    for m in measurements:
        verdict = {None: "", True: f"  {m['goal']}: met", False: f"  {m['goal']}: MISSED"}[m["met"]]
        low, high = m["quartiles"] or m["range"]
        print(f"{m['what']}: {m['median']:.4g} {m['unit']} [{low:.4g}, {high:.4g}] n={m['n']}{verdict}  {m['note']}")
    if arguments.json:
        arguments.json.write_text(json.dumps(measurements, indent=1))
