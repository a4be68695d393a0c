"""Run every benchmark, one after the other, and write results.json and results.md beside this file."""

import argparse
import ast
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.report import to_markdown

HERE = Path(__file__).parent
BENCHMARKS = (
    "epoch_overhead",
    "pixel_corruption",
    "exact_check",
    "moment_overhead",
    "slots_busy",
    "actor_start",
    "frames_at_scale",
    "controller_at_scale",
    "storage_at_scale",
    "common_recipe",
    "original_loop",
    "jpeg_throughput",
    "jpeg_memory",
)


def main() -> int:
    """Returns 1 if a benchmark did not finish; a missed goal is a result, not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="few samples: shows that all run, not how fast")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of results.json and results.md")
    arguments = parser.parse_args()
    machine = describe()  # before the first benchmark, for the load
    benchmarks = [_run(name, arguments.quick) for name in BENCHMARKS]
    results = {"machine": machine, "quick": arguments.quick, "benchmarks": benchmarks}
    (arguments.output / "results.json").write_text(json.dumps(results, indent=1))
    (arguments.output / "results.md").write_text(to_markdown(results))
    return int(any(benchmark["failed"] for benchmark in results["benchmarks"]))


def _run(name: str, quick: bool) -> dict[str, Any]:
    """A benchmark in a process of its own, so that none inherits another's threads, caches or Ray."""
    print(f"== {name}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "measurements.json")
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(path), *(["--quick"] if quick else [])]
        failed = subprocess.run(command, cwd=HERE.parent, check=False).returncode != 0
        measurements = [] if failed else json.loads(path.read_text())
    about = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text()))
    return {"name": name, "about": about, "failed": failed, "measurements": measurements}


if __name__ == "__main__":
    raise SystemExit(main())
