"""Each patch of FFCV is still needed, and still fits: a release of FFCV that changes either is told here.

A test that fails names what has changed, and its docstring the patch.
"""

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import ffcv.libffcv
import ffcv.types
import ffcv.writer
import pytest
from ffcv.fields.rgb_image import IMAGE_MODES
from ffcv.pipeline.graph import Graph

from rethink.data.betons.jpeg import samples
from rethink.data.betons.writing import ffcv_file
from rethink.data.ffcv_bridge import c_functions, runtime
from tests.rethink.data import unpatched_ffcv


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool | str]:
    """What FFCV does where nothing of it is patched."""
    program = [sys.executable, "-m", unpatched_ffcv.__name__, tmp_path_factory.mktemp("unpatched")]
    finished = subprocess.run(program, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    answers: dict[str, bool | str] = json.loads(finished.stdout.splitlines()[-1])
    return answers


def named(check: Callable[[], bool]) -> str:
    return check.__name__


@pytest.mark.parametrize("check", unpatched_ffcv.FAULTS, ids=named)
def test_ffcv_still_has_the_fault(answers: dict[str, bool | str], check: Callable[[], bool]) -> None:
    answer = answers[check.__name__]
    assert answer is True, answer or f"FFCV has mended this, and the patch may go: {check.__doc__}"


@pytest.mark.parametrize("check", unpatched_ffcv.FITS, ids=named)
def test_ffcv_still_is_what_the_patch_takes_it_for(answers: dict[str, bool | str], check: Callable[[], bool]) -> None:
    answer = answers[check.__name__]
    assert answer is True, answer or f"FFCV has changed, and the patch no longer fits: {check.__doc__}"


EPOCH_ITERATOR = runtime.SafeEpochIterator.__mro__[1]


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (EPOCH_ITERATOR.__init__, "self loader order"),
        (EPOCH_ITERATOR.run, "self"),
        (EPOCH_ITERATOR.run_pipeline, "self b_ix batch_indices batch_slot cuda_event"),
        (EPOCH_ITERATOR.__next__, "self"),
        (EPOCH_ITERATOR.close, "self"),
        (Graph.allocate_memory, "self batch_size batches_ahead"),
        (runtime.IntDecoder().generate_code(), "indices destination metadata storage_state"),
        (runtime.DatasetWriter.prepare, "self"),
        (runtime.DatasetWriter.finalize, "self allocations"),
        (runtime.MemoryAllocator.__init__, "self fname offset_start page_size"),
        (runtime.MemoryAllocator.flush_page, "self"),
        (runtime.RGBImageField.encode, "self destination image malloc"),
        (runtime.handle_sample, "sample dest_ix field_names metadata allocator fields"),
    ],
)
def test_what_is_called_or_replaced_takes_the_same_arguments(function: Any, parameters: str) -> None:
    assert " ".join(inspect.signature(function).parameters) == parameters


def test_the_safe_iterator_replaces_these_methods_and_hides_no_other_name() -> None:
    ours, theirs = vars(runtime.SafeEpochIterator).keys(), set(dir(EPOCH_ITERATOR))
    methods = {name for name in ours if inspect.isfunction(getattr(runtime.SafeEpochIterator, name))}
    assert methods & theirs == {"__init__", "start", "run", "__next__"}


@pytest.mark.parametrize("function", ["imdecode", "resize"])
def test_the_c_functions_are_declared_as_ffcv_declares_them(function: str) -> None:
    ours = {"imdecode": c_functions.decode_jpeg, "resize": c_functions.resize_crop}[function]
    theirs = getattr(ffcv.libffcv, f"ctypes_{function}")
    assert ours is not theirs
    assert (ours.argtypes, ours.restype) == (theirs.argtypes, theirs.restype)


def test_the_constants_are_ffcvs() -> None:
    assert IMAGE_MODES["jpg"] == samples.JPEG_MODE
    assert ffcv.types.ALLOC_TABLE_TYPE.itemsize == ffcv_file.ALLOCATION_BYTES
    assert ffcv.writer.MIN_PAGE_SIZE == ffcv_file.MIN_PAGE <= samples.MIN_PAGE
    assert ffcv.writer.MAX_PAGE_SIZE == 2 * samples.MAX_PAGE, "a page is a power of two below it"


def test_ffcv_compiles_nothing_here_and_leaves_torchs_threads_alone() -> None:
    def stage() -> None: ...

    assert runtime.Compiler.compile(stage) is stage
    runtime.Compiler.set_num_threads(2)  # `one_thread` holds torch's


def test_the_checks_import_no_patch() -> None:
    code = f"import sys, {unpatched_ffcv.__name__}; print({{'ffcv', 'rethink', 'torch'}} & set(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout == "set()\n"
