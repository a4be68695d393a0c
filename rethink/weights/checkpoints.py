"""The two newest checkpoints of a trial: if one is damaged, the other is used."""

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rethink.errors import RunError
from rethink.spec import TrialSpec
from rethink.weights.checkpoint_file import NotWhole, StartState, TrialState, read_checkpoint, write_checkpoint

Taken = TypeVar("Taken")


@dataclass(frozen=True)
class Checkpoints:
    """`newest` and, until the trial has ended, the one before it.

    The older one is a complete state of the same trial: resuming from it repeats rows, bit for bit.
    """

    newest: Path

    @property
    def previous(self) -> Path:
        return self.newest.with_name(f"{self.newest.name}.previous")

    def write(self, state: TrialState, is_last: bool) -> None:
        """Write the newest one. With the last one of a trial, the one before it is dropped. Raises OSError."""
        write_checkpoint(self.newest, state, self.previous)
        if is_last:
            self.previous.unlink(missing_ok=True)

    def take(self, read: Callable[[Path], Taken]) -> tuple[Taken | None, list[str]]:
        """What `read` returns for the newest intact checkpoint, and a line for each damaged one, which is set aside.

        Args:
            read: Takes a path; raises NotWhole or OSError for a file that cannot be used.
        """
        notes: list[str] = []
        for path in (self.newest, self.previous):
            try:
                return read(path), notes
            except FileNotFoundError:
                continue
            except (NotWhole, OSError) as error:
                notes.append(f"{_reason(error, path)}; kept as {_set_aside(path).name}")
        return None, notes


def read_state(path: Path, run_id: str, spec: TrialSpec, data_sha256: str) -> tuple[TrialState, str]:
    """The state of a spec's trial in a run, and the file's SHA-256.

    Raises what `read_checkpoint` raises, and NotWhole for the state of another trial or run, or of one on other data.
    """
    state, sha256 = read_checkpoint(path, TrialState)
    if state.spec_id != spec.spec_id:
        raise NotWhole(f"{path} is of another trial: spec id {state.spec_id}, not {spec.spec_id}")
    if state.run_id != run_id:
        raise NotWhole(f"{path} is of another run: id {state.run_id}, not {run_id}")
    if state.data_sha256 != data_sha256:
        raise NotWhole(f"{path} is of a trial on other data: content {state.data_sha256}, not {data_sha256}")
    return state, sha256


def read_start(path: Path, spec: TrialSpec) -> dict[str, Any]:
    """The start of a spec's trial, as its run keeps it. Raises RunError, naming a cure, if it is damaged or another."""
    try:
        start, _ = read_checkpoint(path, StartState)
        if (start.spec_id, start.start_from) != (spec.spec_id, spec.start_from):
            raise NotWhole(f"{path} is of another trial: spec id {start.spec_id}, not {spec.spec_id}")
    except (NotWhole, OSError) as error:
        cure = "put back a whole copy of it, or begin a new run with `rethink train-from FILE`"
        raise RunError(f"{_reason(error, path)}; {cure}") from error
    return start.weights


def _reason(error: Exception, path: Path) -> str:
    return f"{path} cannot be read ({error.strerror})" if isinstance(error, OSError) else str(error)


def _set_aside(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in itertools.count(1))
    free = next(name for name in names if not os.path.lexists(name))
    return path.rename(free)
