"""How much of a file the system keeps in memory."""

import ctypes
import mmap
from pathlib import Path

import numpy as np

_LIBC = ctypes.CDLL(None, use_errno=True)


def pages_held(path: Path) -> int:
    """Pages of a file in the page cache."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content:
        mapped = np.frombuffer(content, np.uint8)
        held = np.zeros(-(-len(mapped) // mmap.PAGESIZE), np.uint8)
        failed = _LIBC.mincore(
            ctypes.c_void_p(mapped.ctypes.data), ctypes.c_size_t(len(mapped)), ctypes.c_void_p(held.ctypes.data)
        )
        del mapped
    if failed:
        raise OSError(ctypes.get_errno(), "mincore", str(path))
    return int((held & 1).sum())
