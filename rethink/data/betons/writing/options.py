"""Writing: how betons are written."""

import os
from dataclasses import dataclass, field

from rethink.errors import SpecError
from rethink.spec import shown

MOST_PROCESSES = 1_000


def usable_cpus() -> int:
    return len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Writing:
    """What a user may choose about the writing of JPEG betons; the files do not depend on the number of processes.

    `processes` read and check the images (1: the calling process itself). Broken images end the writing, or are left
    out and reported.
    """

    processes: int = field(default_factory=usable_cpus)
    skip_broken: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.processes <= MOST_PROCESSES:
            raise SpecError(f"writers = {shown(self.processes)} is not allowed: from 1 to {MOST_PROCESSES}")
