"""A trial's failure as its process reports it to the scheduler: one line, and whether a restart may cure it."""

import contextlib
import errno
import traceback
from collections.abc import Iterator

import torch

FULL = (errno.ENOSPC, errno.EDQUOT)  # a disk, or a user's share of it
_MAY_PASS = (OSError, MemoryError, torch.OutOfMemoryError, torch.AcceleratorError)


class TrialError(Exception):
    """A failure of a trial. Its arguments are plain, as the user's own exceptions may not survive pickling.

    Attributes:
        reason: One line: the exception and what it says.
        may_pass: Whether a restart may cure it. A lost process or machine, a file system that fails and a lack of
            memory may pass; whatever else the trial's own code raises would be raised again.
        full_disk: The file that did not fit on a full disk, if that was the failure.
    """

    def __init__(self, reason: str, may_pass: bool, full_disk: str | None = None) -> None:
        super().__init__(reason, may_pass, full_disk)
        self.reason, self.may_pass, self.full_disk = reason, may_pass, full_disk

    def __str__(self) -> str:
        return self.reason

    @classmethod
    def of(cls, error: BaseException) -> "TrialError":
        """The failure that this exception means for the trial whose code raised it."""
        full = isinstance(error, OSError) and error.errno in FULL and error.filename
        said = traceback.format_exception_only(error)[-1].strip().splitlines() or [type(error).__name__]
        return cls(said[0], isinstance(error, _MAY_PASS) or _lacks_memory(error), str(full) if full else None)


@contextlib.contextmanager
def as_trial_errors() -> Iterator[None]:
    """Turn whatever a trial's code raises into a TrialError; `sys.exit` too, which would end the process silently."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise TrialError.of(error) from error


def _lacks_memory(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)  # torch's, on the CPU
