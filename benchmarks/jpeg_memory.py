"""What memory does a JPEG beton take that is larger than the memory that a process may have, with and without os_cache?

Each sample is a process of its own (jpeg_memory_pass.py) in a memory cgroup limited to less than the file, which starts
with nothing of the file in the page cache and reads all images once, in random order: random resized crops of 299
pixels. Where no memory cgroup can be made, the processes are not limited, and the notes say so.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.made_imagenet import LARGE_SIZES, make_tree, repeat
from benchmarks.measurement import Goal, Measurement, main
from rethink.data.betons.prepare import prepare
from rethink.data.sources import JpegForm

PROCESSES, MADE, TIMES = 2, 256, 14  # processes in each mode; images made, and how many names each has
LIMIT = 10**9  # bytes
MEMORY_CGROUPS = {"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"}  # version 1, 2


def measure(quick: bool) -> list[Measurement]:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # /tmp may be memory itself
        tree = make_tree(Path(folder, "tree"), MADE // 8 if quick else MADE, LARGE_SIZES)
        repeat(tree, 2 if quick else TIMES)
        beton = prepare("imagenet", tree, Path(folder, "cache"), JpegForm(None, 90)).train
        with _memory_cgroup() as cgroup:
            passes = [
                {os_cache: _pass(Path(folder), os_cache, cgroup) for os_cache in (True, False)}
                for _ in range(1 if quick else PROCESSES)
            ]
        limit = "no memory cgroup could be made: not limited" if cgroup is None else f"limited to {LIMIT / 1e9:g} GB"
    note = f"{beton.samples} images, a file of {beton.file_size / 1e9:.2f} GB; {limit}"
    return [
        measurement
        for os_cache in (True, False)
        for measurement in _measurements(os_cache, [both[os_cache] for both in passes], note)
    ]


def _measurements(os_cache: bool, passes: list[dict[str, Any]], note: str) -> list[Measurement]:
    what = f"os_cache {'on' if os_cache else 'off'}"
    return [
        Measurement(
            what=f"{what}: the file's bytes in the page cache after the pass",
            unit="MB",
            samples=[one["page_cache"] / 1e6 for one in passes],
            goal=None if os_cache else Goal("at most", 0),
            note=note,
        ),
        Measurement(
            what=f"{what}: peak resident memory of the process, what it maps of the file included",
            unit="MB",
            samples=[one["peak_resident"] / 1e6 for one in passes],
            note=f"{min(one['resident_before'] for one in passes) / 1e6:.0f} MB before the pass",
        ),
        Measurement(what=f"{what}: images read", unit="images/s", samples=[one["speed"] for one in passes]),
    ]


def _pass(folder: Path, os_cache: bool, cgroup: Path | None) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.jpeg_memory_pass", str(folder), *(["--os-cache"] if os_cache else [])]
    command += [] if cgroup is None else ["--cgroup", str(cgroup)]
    measured: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return measured


@contextlib.contextmanager
def _memory_cgroup() -> Iterator[Path | None]:
    """A cgroup whose processes and their page cache have LIMIT bytes; none where that is not allowed."""
    for root, limit in MEMORY_CGROUPS.items():
        cgroup = Path(root, f"rethink-benchmark-{os.getpid()}")
        try:
            cgroup.mkdir()
        except OSError:
            continue
        try:
            (cgroup / limit).write_text(str(LIMIT))
        except OSError:
            cgroup.rmdir()
            continue
        try:
            yield cgroup
        finally:
            cgroup.rmdir()
        return
    yield None


if __name__ == "__main__":
    main(measure)
