"""How much memory a trial may fill with images."""

import os
from pathlib import Path

import torch

from rethink.trial.settings import TrialSettings

GIB = 2**30
_USUAL_PART = 4  # of a machine's memory, one in so many bytes
_OF_THE_CONTAINER = Path("/sys/fs/cgroup/memory.max")  # "max" without a limit


def bytes_of_a_trial(settings: TrialSettings) -> int:
    """Bytes on the device where trials train: an equal share for each of those that run there at once."""
    asked = settings.resident_memory
    of_all = total_memory(torch.device(settings.device)) // _USUAL_PART if asked is None else int(asked * GIB)
    return of_all // settings.sharing


def total_memory(device: torch.device) -> int:
    """Bytes of the GPU, or of the machine: of the container that this process runs in, if it has a limit."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(_OF_THE_CONTAINER.read_text()))
    except (OSError, ValueError):
        return machine
