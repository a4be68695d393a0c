"""The only module that imports FFCV, patched for many short trials in one process: no hangs, no leaks, a fast start.

The faults that it works around were measured on FFCV 1.0.2. tests/rethink/data/test_ffcv_patches.py fails once a
release makes a patch needless, or no longer fits it.
"""

import contextlib
import queue
from collections.abc import Iterator
from typing import Any, NoReturn

import numba
import numba.typed
import numpy as np
import torch


@contextlib.contextmanager
def _quick_import() -> Iterator[None]:
    """Import ffcv in 0.4 s instead of 4 s, and leave torch's thread count as it was.

    `ffcv.fields.rgb_image` makes one numba.typed.Dict, which takes seconds to compile. Only Python reads it, with
    constant keys, so a plain dict does as well. Importing FFCV also sets torch's threads to 1.
    """
    threads, typed_dict = torch.get_num_threads(), numba.typed.Dict
    numba.typed.Dict = dict
    try:
        yield
    finally:
        numba.typed.Dict = typed_dict
        torch.set_num_threads(threads)


with _quick_import():
    from ffcv.fields.basics import IntDecoder, IntField
    from ffcv.fields.rgb_image import RGBImageField, SimpleRGBImageDecoder
    from ffcv.loader.epoch_iterator import EpochIterator
    from ffcv.loader.loader import Loader, OrderOption
    from ffcv.memory_allocator import MemoryAllocator
    from ffcv.memory_managers.os_cache import OSCacheContext, OSCacheManager
    from ffcv.pipeline.allocation_query import AllocationQuery
    from ffcv.pipeline.compiler import Compiler
    from ffcv.pipeline.operation import Operation
    from ffcv.pipeline.state import State
    from ffcv.reader import Reader
    from ffcv.transforms.ops import ToTensor, ToTorchImage
    from ffcv.writer import DatasetWriter, handle_sample

__all__ = [
    "AllocationQuery",
    "DatasetWriter",
    "IntDecoder",
    "IntField",
    "Loader",
    "MemoryAllocator",
    "Operation",
    "OrderOption",
    "PipelineError",
    "RGBImageField",
    "Reader",
    "SafeEpochIterator",
    "SimpleRGBImageDecoder",
    "State",
    "ToTensor",
    "ToTorchImage",
    "handle_sample",
]

# FFCV compiles each stage of each loader; our stages are plain Python around kernels, see rethink/kernel.py.
Compiler.set_enabled(False)
# FFCV sets torch's threads to its own worker count at every pass, which would change a trial's thread count.
Compiler.set_num_threads = classmethod(lambda cls, n: None)


def _manage_lean(manager: Any, reader: Any) -> None:
    """OSCacheManager.__init__ without the dictionaries and sets over all samples (1.28 million: 559 MB, 3 s).

    Only the manager of pages, for FFCV's own cache, reads those.
    """
    order = np.argsort(reader.alloc_table["ptr"])
    manager.reader = reader
    manager.ptrs, manager.sizes = reader.alloc_table["ptr"][order], reader.alloc_table["size"][order]
    manager.context = OSCacheContext(manager)


OSCacheManager.__init__ = _manage_lean


class PipelineError(RuntimeError):
    """An FFCV pipeline raised; the original exception is the cause."""


class SafeEpochIterator(EpochIterator):
    """One pass of a loader: in FFCV's background thread, or batch by batch in the caller's own.

    FFCV's own iterator leaves the consumer waiting for ever when the thread dies, and the thread waiting for ever
    when the consumer goes away. This one forwards exceptions, and can be stopped at once.
    """

    def __init__(self, loader: Loader, order: Any, in_background: bool) -> None:
        self._in_background = in_background
        self._failure: BaseException | None = None
        self._batches_read = 0
        super().__init__(loader, order)

    def start(self) -> None:
        if self._in_background:
            super().start()

    def run(self) -> None:
        try:
            super().run()
        except BaseException as failure:
            self._failure = failure
            self._put_end()

    def _put_end(self) -> None:
        while not self.terminate_event.is_set():
            try:
                self.output_queue.put(None, timeout=0.1)
                return
            except queue.Full:
                continue

    def __next__(self) -> Any:
        if not self._in_background:
            return self._read_here()
        try:
            return super().__next__()
        except StopIteration:
            if self._failure is not None:
                _raise(self._failure)
            raise

    def _read_here(self) -> Any:
        indices: Any = next(self.iter_ixes)
        number, self._batches_read = self._batches_read, self._batches_read + 1
        try:
            return self.run_pipeline(number, indices, 0, None)
        except Exception as failure:
            _raise(failure)

    def stop(self) -> None:
        """End the thread, whatever it is doing, and wait until it has ended."""
        self.iter_ixes = iter(())  # the thread sees an exhausted epoch ...
        self.terminate_event.set()
        while self.is_alive():  # ... and is never stuck in a full queue
            try:
                self.output_queue.get(timeout=0.005)
            except queue.Empty:
                continue
        self.close()
        self.closed = True


def _raise(failure: BaseException) -> NoReturn:
    if isinstance(failure, PipelineError):
        raise failure
    raise PipelineError(f"FFCV pipeline failed: {failure!r}") from failure
