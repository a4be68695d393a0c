"""A new run's folder: it takes its name once all that a start writes is in it, so a start that fails leaves nothing."""

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from rethink.errors import SpecError
from rethink.records.run_directory import RunDirectory
from rethink.spec import shown
from rethink.spec.folder import local_folder

LONGEST_NAME = 200  # bytes: file systems take 255, and the names of temporary folders are longer


def storage_folder(given: str | Path | None) -> Path:
    """The folder of the runs: the given one, else the one that RETHINK_STORAGE names, else runs, in this folder.

    Raises:
        SpecError: It is no folder of this machine.
    """
    variable = "RETHINK_STORAGE"
    try:
        return local_folder(os.environ.get(variable) or "runs" if given is None else given)
    except SpecError as error:
        raise SpecError(f"{f'{variable}:' if given is None else 'storage ='} {error}") from None


def check_name(name: str) -> None:
    """Raises SpecError for what is no name of a run directory."""
    if name in ("", ".", "..", "~") or name.isspace() or "/" in name or not name.isprintable():
        raise SpecError(f"name = {shown(name)} is not allowed: a folder's name without a path")
    if len(name.encode()) > LONGEST_NAME:
        raise SpecError(f"name = {shown(name)} is not allowed: at most {LONGEST_NAME} bytes long")


@contextlib.contextmanager
def open_storage(storage: Path, name: str) -> Iterator[None]:
    """Make the folder of the runs; if the `with` block raises, whatever was made of it goes again.

    Raises:
        SpecError: It cannot be written, or has something of that name.
    """
    missing: list[Path] = []
    try:
        try:
            missing += [folder for folder in (storage, *storage.parents) if not folder.exists()]
            storage.mkdir(parents=True, exist_ok=True)
            check_free(storage / name)
            probe = _temporary(storage, name)
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            raise SpecError(f"storage {storage} cannot be written: {error.strerror}") from None
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # not empty, or never made
            for folder in missing:
                folder.rmdir()
        raise


@contextlib.contextmanager
def new_run(storage: Path, name: str) -> Iterator[RunDirectory]:
    """A run directory under a temporary name, to be filled in the `with` block: it takes its name if that ends well.

    Raises:
        SpecError: Something of that name has appeared meanwhile.
    """
    temporary = RunDirectory(_temporary(storage, name))
    try:
        temporary.root.mkdir()
        yield temporary
        check_free(storage / name)
        temporary.root.rename(storage / name)
    except BaseException as error:
        shutil.rmtree(temporary.root, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another start was quicker
            check_free(storage / name)
        raise


def discard_unbegun(run: RunDirectory) -> None:
    """Remove a run of which no trial began; one whose folders cannot be read is left alone."""
    with contextlib.suppress(OSError):
        begun = [*run.rows.iterdir(), *run.checkpoint("x").parent.iterdir(), *run.error_file("x").parent.iterdir()]
        if not begun and not run.outcomes_file.exists():
            shutil.rmtree(run.root)


def _temporary(storage: Path, name: str) -> Path:
    return storage / f".{name}.{uuid.uuid4().hex}"


def check_free(folder: Path) -> None:
    """Raises SpecError if something of that name is there."""
    if folder.exists() or folder.is_symlink():
        resumed = f", or `rethink resume {quote(str(folder))}`" if RunDirectory(folder).run_file.is_file() else ""
        raise SpecError(f"{folder} exists; choose another --name{resumed}")
