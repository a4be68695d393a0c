"""Where a command may write what it was asked for: never over what a run is made of, and whole or not at all.

A run is read again by `resume`, `query` and all others, so nothing inside its folder is an output but its FOLDERS and
its REPORT. What is no plain file (a device, a pipe, a folder) is never replaced by one.
"""

import stat
from pathlib import Path

from rethink.errors import SpecError
from rethink.files.atomic_files import replace_file
from rethink.records.run_directory import RunDirectory

FOLDERS, REPORT = ("figures", "exports", "labels"), "report.html"  # in a run directory; no command reads them
_INSIDE = f"{', '.join(f'{name}/' for name in FOLDERS)} and {REPORT}"


def check_file(path: Path) -> None:
    """Refuse, before the work for it is done, a path where no file may be written. Raises SpecError or OSError."""
    kind = _kind(path)
    if (kind is not None and not stat.S_ISREG(kind)) or not path.absolute().parent.is_dir():
        raise SpecError(f"output = {str(path)!r} is not allowed: a file in a folder that exists")
    _check_not_of_a_run(path, is_folder=False)


def check_folder(path: Path) -> None:
    """The same for a folder, which need not exist."""
    existing = next(one for one in (path, *path.absolute().parents) if _kind(one) is not None)
    if not existing.is_dir():
        raise SpecError(f"output = {str(path)!r} is not allowed: {existing} is no folder")
    _check_not_of_a_run(path, is_folder=True)


def file_in(folder: Path, name: str) -> Path:
    """The path of a file with a name that was read from a file. Raises SpecError for one that leads elsewhere."""
    if "/" in name or "\0" in name:
        raise SpecError(f"{name!r} is no name of a file")
    return folder / name


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. Raises OSError that names it; a full disk leaves nothing of it."""
    try:
        replace_file(path.absolute(), content)
    except OSError as error:  # it names the temporary file, or none
        raise OSError(error.errno, error.strerror, str(path)) from error


def _kind(path: Path) -> int | None:
    """The mode of what is there, links followed; None: nothing."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _check_not_of_a_run(path: Path, *, is_folder: bool) -> None:
    resolved = path.resolve()
    for root in (resolved, *resolved.parents):
        if RunDirectory(root).run_file.exists() and not _is_output(resolved.relative_to(root).parts, is_folder):
            raise SpecError(f"output = {str(path)!r} is not allowed: inside the run {root}, only {_INSIDE} are outputs")


def _is_output(parts: tuple[str, ...], is_folder: bool) -> bool:
    if parts[:1] and parts[0] in FOLDERS:
        return is_folder or len(parts) > 1
    return not is_folder and parts == (REPORT,)
