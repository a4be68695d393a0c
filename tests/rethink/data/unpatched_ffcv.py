"""What FFCV does when nothing of it is patched: run as a program, with a folder, as a patch is for good.

Each check answers whether FFCV still has the fault that a patch of `rethink.data` mends, or still is as the patch takes
it to be. Prints the answers as JSON, by name; a stack where a check raises.
"""

import gc
import json
import multiprocessing
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from queue import Empty
from types import SimpleNamespace
from typing import Any

import numpy as np

FOLDER = Path(sys.argv[1]) if __name__ == "__main__" else Path()
BETON = FOLDER / "whole.beton"
THREADS = 3  # of torch, before FFCV changes it
PAGE = 2**21


class HangError(Exception):
    """The code would wait for ever from here on."""


def its_own_binding_imports_torch() -> bool:
    """c_functions.py binds FFCV's C functions anew."""
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        import ffcv.libffcv  # noqa: F401
    except ModuleNotFoundError as error:
        return error.name == "torch"
    finally:
        for name in [name for name in sys.modules if name == "torch" or name.split(".")[0] == "ffcv"]:
            del sys.modules[name]
    return False


def importing_it_makes_one_compiled_dictionary() -> bool:
    """runtime.py gives FFCV a plain dictionary while it is imported."""
    import numba.typed

    made: list[object] = []

    class Counted(dict):  # type: ignore[type-arg]
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    typed, numba.typed.Dict = numba.typed.Dict, Counted
    try:
        from ffcv.fields import rgb_image
    finally:
        numba.typed.Dict = typed
    return len(made) == 1 and made[0] is rgb_image.IMAGE_MODES


def importing_it_changes_torchs_threads() -> bool:
    """runtime.py puts them back."""
    import torch

    return torch.get_num_threads() != THREADS


def its_loader_changes_torchs_threads() -> bool:
    """runtime.py takes away Compiler.set_num_threads."""
    import torch

    torch.set_num_threads(THREADS)
    loader = plain_loader()
    built = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    with passing(loader):
        return THREADS not in (built, torch.get_num_threads())


def every_loader_compiles_its_stages() -> bool:
    """runtime.py switches FFCV's compiler off."""
    from ffcv.pipeline import compiler

    compiled: list[Any] = []

    def noted(*_: Any, **__: Any) -> Callable[[Any], Any]:
        return lambda code: compiled.append(code) or code

    compiler.Compiler.set_enabled(True)
    njit, compiler.njit = compiler.njit, noted
    try:
        plain_loader()
        first = len(compiled)
        plain_loader()
    finally:
        compiler.njit = njit
        compiler.Compiler.set_enabled(False)  # the other checks need not wait for it
    return 0 < first < len(compiled)


def its_cache_keeps_dictionaries_of_all_samples() -> bool:
    """runtime.py has OSCacheManager do without them."""
    manager = cache_manager()
    return len(manager.ptr_to_size) == len(manager.sample_to_pages) == manager.reader.num_samples > 0


def its_consumer_waits_for_a_thread_that_has_failed() -> bool:
    """SafeEpochIterator passes on what the thread raised."""
    from ffcv.fields.basics import IntDecoder

    class Failing(IntDecoder):
        def generate_code(self) -> Callable[..., Any]:
            def fail(indices: Any, out: Any, metadata: Any, storage_state: Any) -> Any:
                raise ValueError

            return fail

    iterator = iter(plain_loader(Failing()))
    iterator.join()
    # Nobody is left to put anything in.
    iterator.output_queue.get = partial(iterator.output_queue.get, block=False)
    try:
        next(iterator)
    except Empty:
        return True
    except (ValueError, StopIteration):
        return False
    return False


def its_thread_outlives_an_iterator_that_is_dropped() -> bool:
    """SafeEpochIterator.stop ends it."""
    iterator = iter(plain_loader())
    next(iterator)
    del iterator
    gc.collect()
    left = [thread for thread in threading.enumerate() if type(thread).__name__ == "EpochIterator"]
    told = [thread.terminate_event.is_set() for thread in left]  # type: ignore[attr-defined]
    for thread in left:
        thread.terminate_event.set()  # type: ignore[attr-defined]
        thread.join()
    return told == [False]


def every_pass_allocates_memory_anew() -> bool:
    """BetonStream keeps what Graph.allocate_memory made, by its arguments."""
    loader = plain_loader()
    allocate, calls, made = loader.graph.allocate_memory, [], []

    def noted(*sizes: int) -> Any:
        calls.append(sizes)
        made.append(allocate(*sizes))
        return made[-1]

    loader.graph.allocate_memory = noted
    for _ in range(2):
        with passing(loader):
            pass
    first, second = (ring["operation"] for ring in made)
    shared = [np.shares_memory(first[node], second[node]) for node in first if first[node] is not None]
    return calls == [(loader.batch_size, loader.batches_ahead + 2)] * 2 and bool(shared) and not any(shared)


def its_writer_waits_for_a_worker_that_has_died() -> bool:
    """write_ffcv_file has no workers."""
    from ffcv import writer as module

    def watched(seconds: float) -> None:
        if not multiprocessing.active_children():
            raise HangError
        time.sleep(seconds)

    sleep, module.sleep = module.sleep, watched
    writer = plain_writer()
    try:
        writer.from_indexed_dataset([(np.zeros((4, 4, 3)), 0)])  # no uint8
    except HangError:
        return True
    except ValueError:
        return False
    finally:
        module.sleep = sleep
        writer.metadata_sm.unlink()
    return False


def its_writer_takes_shared_memory() -> bool:
    """_private_metadata gives it plain memory."""
    writer = plain_writer()
    writer.num_samples = 1
    writer.prepare()
    memory = writer.metadata_sm
    if isinstance(memory, SharedMemory):
        memory.close()
        memory.unlink()
        return True
    return False


def its_allocator_waits_for_a_page_that_it_has_written() -> bool:
    """write_ffcv_file does without `with`: between two pages, an interrupt would be followed by a second writing."""
    from ffcv import memory_allocator as module

    def hang(_: float) -> None:
        raise HangError

    allocator = begun_allocator()
    allocator.flush_page()
    sleep, module.sleep = module.sleep, hang
    try:
        allocator.__exit__(None, None, None)
    except HangError:
        return True
    finally:
        module.sleep = sleep
        allocator.fp.close()
    return False


def its_allocator_ignores_short_writes() -> bool:
    """write_ffcv_file compares the size of the file."""
    allocator = begun_allocator()
    allocator.fp.close()
    allocator.fp = SimpleNamespace(seek=lambda *_: 0, write=lambda _: 0)
    try:
        allocator.flush_page()
    except OSError:
        return False
    return True


def a_subclass_of_its_field_has_no_type() -> bool:
    """_jpeg_field changes a method of FFCV's own field."""
    from ffcv.fields.rgb_image import RGBImageField
    from ffcv.types import FieldDescType, HeaderType

    class Own(RGBImageField):
        pass

    writer = plain_writer(Own())
    writer.num_samples = 1
    writer.prepare()
    writer.metadata_sm.close()
    writer.metadata_sm.unlink()
    fields = np.fromfile(writer.fname, FieldDescType, count=2, offset=HeaderType.itemsize)
    return fields["type_id"].tolist() == [255, 1]


def its_field_takes_no_encoded_image() -> bool:
    """_jpeg_field writes one."""
    from ffcv.fields.rgb_image import RGBImageField

    field = RGBImageField(write_mode="jpg")
    try:
        field.encode(np.zeros(1, field.metadata_type), b"\xff\xd8", lambda size: (0, np.empty(size, np.uint8)))
    except TypeError:
        return True
    return False


def its_decoder_ignores_a_damaged_jpeg() -> bool:
    """JpegViews raises, and images are checked as they are written."""
    from ffcv.fields.rgb_image import RGBImageField, SimpleRGBImageDecoder, encode_jpeg
    from ffcv.libffcv import imdecode

    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    cut = np.ascontiguousarray(encode_jpeg(noise, 90)[:1000])
    out = np.zeros((1, 64, 64, 3), np.uint8)
    if not imdecode(cut, out[0], 64, 64, 64, 64):
        return False  # it is no longer told as damaged
    metadata = np.zeros(1, RGBImageField().metadata_type)
    metadata["height"] = metadata["width"] = 64
    decoder = SimpleRGBImageDecoder()
    decoder.accept_globals(metadata, lambda pointer, storage: cut)
    decoder.generate_code()(np.array([0]), out, metadata, None)  # what it raises is told
    return True


FAULTS: tuple[Callable[[], bool], ...] = (
    its_own_binding_imports_torch,  # first: before anything else imports FFCV
    importing_it_makes_one_compiled_dictionary,  # second: it imports FFCV
    importing_it_changes_torchs_threads,  # third: what follows needs a beton, and has FFCV imported
    every_loader_compiles_its_stages,
    its_loader_changes_torchs_threads,
    its_cache_keeps_dictionaries_of_all_samples,
    its_consumer_waits_for_a_thread_that_has_failed,
    its_thread_outlives_an_iterator_that_is_dropped,
    every_pass_allocates_memory_anew,
    its_writer_waits_for_a_worker_that_has_died,
    its_writer_takes_shared_memory,
    its_allocator_waits_for_a_page_that_it_has_written,
    its_allocator_ignores_short_writes,
    a_subclass_of_its_field_has_no_type,
    its_field_takes_no_encoded_image,
    its_decoder_ignores_a_damaged_jpeg,
)


def an_iterator_starts_its_thread_and_has_the_names_that_are_used() -> bool:
    """SafeEpochIterator sets or reads these, and may leave the thread unstarted."""
    loader = plain_loader()
    with passing(loader) as iterator:
        started = iterator.ident is not None
        names = {"iter_ixes", "terminate_event", "output_queue", "closed", "storage_state", "memory_context"}
        return started and names <= vars(iterator).keys()


def the_storage_that_a_stage_is_given_is_a_map_pointers_and_sizes() -> bool:
    """StoredImages and JpegViews read the map themselves."""
    with passing(plain_loader()) as iterator:
        mapped, pointers, sizes = iterator.storage_state
        known = np.array_equal(pointers, np.sort(pointers)) and len(pointers) == len(sizes)
        return known and isinstance(mapped, np.memmap) and hasattr(mapped.base, "madvise")


def the_lean_cache_is_ffcvs_but_for_the_dictionaries() -> bool:
    """runtime.py has an OSCacheManager.__init__ of its own."""
    theirs = cache_manager()
    import rethink.data.ffcv_bridge.runtime  # noqa: F401 - patches FFCV for good

    ours = cache_manager()
    left_out = vars(theirs).keys() - vars(ours).keys()
    tables = all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in ("ptrs", "sizes"))
    same = type(ours.context) is type(theirs.context) and ours.context.manager is ours
    return left_out == {"ptr_to_size", "sample_to_pages", "page_to_samples"} and tables and same


FITS: tuple[Callable[[], bool], ...] = (
    an_iterator_starts_its_thread_and_has_the_names_that_are_used,
    the_storage_that_a_stage_is_given_is_a_map_pointers_and_sizes,
    the_lean_cache_is_ffcvs_but_for_the_dictionaries,  # last: nothing is unpatched after it
)


def write_beton() -> None:
    """64 small images: more than the batches that a loader reads ahead."""
    plain_writer(path=BETON).from_indexed_dataset([(np.full((4, 4, 3), index, np.uint8), index) for index in range(64)])


def plain_loader(label_decoder: Any = None) -> Any:
    from ffcv.fields.basics import IntDecoder
    from ffcv.fields.rgb_image import SimpleRGBImageDecoder
    from ffcv.loader import Loader

    pipelines = {"image": [SimpleRGBImageDecoder()], "label": [label_decoder or IntDecoder()]}
    return Loader(str(BETON), batch_size=8, num_workers=1, pipelines=pipelines)


@contextmanager
def passing(loader: Any) -> Iterator[Any]:
    """A pass under way, ended as the block is left."""
    iterator = iter(loader)
    try:
        next(iterator)
        yield iterator
    finally:
        iterator.terminate_event.set()
        iterator.join()


def cache_manager() -> Any:
    from ffcv.memory_managers import OSCacheManager
    from ffcv.reader import Reader

    return OSCacheManager(Reader(str(BETON)))


def plain_writer(image_field: Any = None, path: Path = FOLDER / "begun.beton") -> Any:
    from ffcv.fields import IntField, RGBImageField
    from ffcv.writer import DatasetWriter

    fields = {"image": image_field or RGBImageField(), "label": IntField()}
    return DatasetWriter(str(path), fields, PAGE, num_workers=1)


def begun_allocator() -> Any:
    """Ten bytes of a first page are taken."""
    from ffcv.memory_allocator import MemoryAllocator

    (FOLDER / "pages").write_bytes(b"")
    allocator = MemoryAllocator(str(FOLDER / "pages"), 0, PAGE)
    allocator.__enter__()
    allocator.set_current_sample(0)
    allocator.malloc(10)
    return allocator


def answer(check: Callable[[], bool]) -> bool | str:
    try:
        return bool(check())  # NumPy has a type of its own
    except Exception:
        return traceback.format_exc()


if __name__ == "__main__":
    answers = {FAULTS[0].__name__: answer(FAULTS[0])}
    import torch

    torch.set_num_threads(THREADS)
    answers |= {check.__name__: answer(check) for check in FAULTS[1:3]}
    write_beton()
    answers |= {check.__name__: answer(check) for check in (*FAULTS[3:], *FITS)}
    print(json.dumps(answers))
