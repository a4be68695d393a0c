"""One process of jpeg_memory.py: reads its beton once and prints what that took as JSON."""

import argparse
import json
import os
import resource
import time
from pathlib import Path

import numpy as np
import psutil
import torch

from benchmarks.page_cache import pages_held
from rethink.data.betons.prepare import prepare
from rethink.data.sources import JpegForm
from rethink.data.streams.augmentation import Augmentation
from rethink.data.streams.beton_stream import BetonStream
from rethink.data.streams.uncached_file import UncachedFile
from rethink.training.epoch_pass import epoch_order


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--os-cache", action="store_true")
    parser.add_argument("--cgroup", type=Path)
    arguments = parser.parse_args()
    if arguments.cgroup is not None:
        (arguments.cgroup / "cgroup.procs").write_text(str(os.getpid()))
    torch.set_num_threads(1)
    beton = prepare("imagenet", arguments.folder / "tree", arguments.folder / "cache", JpegForm(None, 90)).train
    stream = BetonStream(beton, False, len(os.sched_getaffinity(0)), arguments.os_cache)
    stream.configure(299, stream.true_labels, None, "imagenet")
    UncachedFile(beton.path).forget()
    before, started = psutil.Process().memory_info().rss, time.perf_counter()
    for _ in stream.batches(
        epoch_order(np.arange(beton.samples), 0, 1),
        64,
        Augmentation(None, True, 0, 1, resized=True),
    ):
        pass
    seconds = time.perf_counter() - started
    measured = {
        "speed": beton.samples / seconds,
        "resident_before": before,
        "peak_resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "page_cache": pages_held(beton.path) * resource.getpagesize(),
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
