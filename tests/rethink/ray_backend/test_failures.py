"""How a failure of a trial is described, and which failures a restart may cure."""

import errno
import os

import pytest
import torch
from ray import cloudpickle

from rethink.errors import SpecError
from rethink.ray_backend.failures import TrialError, as_trial_errors


class Picky(Exception):
    """Cannot be unpickled, like many exceptions of other packages."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one}\n{two}")


@pytest.mark.parametrize(
    ("error", "reason", "may_pass"),
    [
        (ValueError("mat1 and mat2\nmore"), "ValueError: mat1 and mat2", False),
        (SpecError("depth = 3 is not allowed"), "rethink.errors.SpecError: depth = 3 is not allowed", False),
        (Picky("a", "b"), "tests.rethink.ray_backend.test_failures.Picky: a", False),
        (SystemExit(0), "SystemExit: 0", False),
        (RuntimeError(), "RuntimeError", False),
        (OSError(errno.EIO, "Input/output error", "/x"), "OSError: [Errno 5] Input/output error: '/x'", True),
        (MemoryError(), "MemoryError", True),
        (torch.OutOfMemoryError("CUDA out of memory."), "torch.OutOfMemoryError: CUDA out of memory.", True),
        (RuntimeError("[x] can't allocate memory: you"), "RuntimeError: [x] can't allocate memory: you", True),
    ],
)
def test_a_failure_is_one_line_and_may_pass_or_not(error: BaseException, reason: str, may_pass: bool) -> None:
    with pytest.raises(TrialError) as raised, as_trial_errors():
        raise error
    for failure in (raised.value, cloudpickle.loads(cloudpickle.dumps(raised.value))):
        assert (str(failure), failure.reason, failure.may_pass, failure.full_disk) == (reason, reason, may_pass, None)
    assert raised.value.__cause__ is error, "the stack tells of the error itself"


def test_torchs_own_lack_of_memory_may_pass() -> None:
    with pytest.raises(TrialError) as raised, as_trial_errors():
        torch.empty(2**60, dtype=torch.uint8)
    assert raised.value.may_pass


def test_a_full_disk_is_told_by_its_file() -> None:
    for number in (errno.ENOSPC, errno.EDQUOT):
        assert TrialError.of(OSError(number, os.strerror(number), "/x/y")).full_disk == "/x/y"
