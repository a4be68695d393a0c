"""On what the numbers were measured."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rethink.records.provenance import versions


def describe() -> dict[str, Any]:
    """Processor, cores, memory, load and versions, as plain JSON values."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "system": platform.platform(),
        "load_at_start": os.getloadavg()[0],  # 1-minute load average: others' work on the same cores
        "versions": versions(),
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
