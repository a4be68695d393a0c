"""Betons: each data set written once to FFCV files in a cache folder, and checked before FFCV opens them.

    <cache>/<source>-<fingerprint>/train.beton  test.beton   the samples, as FFCV writes them
                                   train.files  test.files   the names of the image files, if it was made of files
                                   train.json   test.json    what is in the beton, and its checksum; written last
                                   lock                      held by the one process that writes
                                   *.stamp                   the checksum of a large beton as it is, see STAMPED

The folder of a JPEG data set is <source>-<max_side>-q<quality>-<fingerprint>.

FFCV itself has no checksum: it serves altered pixels as they are, and crashes or hangs on other damage.
"""

import contextlib
import dataclasses
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock

from rethink.data import sources
from rethink.data.betons.beton import Beton, PreparedData
from rethink.data.betons.checksum_stamps import write_stamp
from rethink.data.betons.file_lists import check_file_list, read_file_list, write_file_list
from rethink.data.betons.jpeg.samples import JpegSamples
from rethink.data.betons.sidecar import (
    _Cache,
    _read_sidecar,
    _sync,
    _write_sidecar,
)
from rethink.data.betons.split_writer import write_split
from rethink.data.betons.verification import (
    REBUILD,
    STAMPED,
    _blake2b,
    _hash_file,
    verify,
)
from rethink.data.betons.writing.options import Writing
from rethink.data.betons.writing.raw_samples import CheckedSplit
from rethink.data.sources import DataError, ImageData, ImageSource, JpegForm
from rethink.errors import SpecError
from rethink.files.user_cache import user_cache

USUAL_WRITING = Writing()
SOON = 10.0  # seconds to wait for another writer without a message


def prepare(
    source_name: str,
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
    form: JpegForm | None = None,
    writing: Writing = USUAL_WRITING,
) -> PreparedData:
    """The betons of a source, verified; written first if they are missing or damaged. Any process may call it.

    `cache_dir` is by default the user's cache folder, `form` by default the usual one of a data set that is kept as
    JPEG.

    Raises:
        SpecError: The source is unknown, or a form is given for images that are kept uncompressed.
        DataError: The data are missing, do not fit together or cannot be written; or the betons were written without
            broken images and `writing` does not allow that.
    """
    prepared = _prepare(sources.get(source_name), data_dir, cache_dir, form, writing)
    skipped = len(prepared.train.skipped) + len(prepared.test.skipped)
    if skipped and not writing.skip_broken:
        raise DataError(
            f"{source_name} was prepared without {skipped} broken images, listed in {prepared.train.path.parent}; give "
            "--skip-broken to use it anyway, or replace them"
        )
    return prepared


def is_prepared(
    source_name: str, data_dir: Path | None = None, cache_dir: Path | None = None, form: JpegForm | None = None
) -> bool:
    """Whether `prepare` would find the betons written and whole. Raises what it raises for a wrong `data_dir`."""
    source = sources.get(source_name)
    root = user_cache() if cache_dir is None else cache_dir
    return _load(_cache(source, root, sources.fingerprint(source, data_dir), form)) is not None


def _prepare(
    source: ImageSource, data_dir: Path | None, cache_dir: Path | None, form: JpegForm | None, writing: Writing
) -> PreparedData:
    root = user_cache() if cache_dir is None else cache_dir
    cache = _cache(source, root, sources.fingerprint(source, data_dir), form)
    prepared = _load(cache)
    if prepared is not None:
        return prepared
    try:
        cache.folder.mkdir(parents=True, exist_ok=True)
        with _locked(cache.folder / "lock"):
            prepared = _load(cache)  # another process may have written it meanwhile
            if prepared is None:
                prepared = _write(sources.open_data(source, data_dir), cache, writing, data_dir)
            return prepared
    except OSError as error:
        raise DataError(
            f"cannot prepare {source.name} in {cache.folder} ({error}); fix that or choose another cache folder"
        ) from error


def _cache(source: ImageSource, root: Path, fingerprint: str, form: JpegForm | None) -> _Cache:
    if form is not None and source.jpeg is None:
        raise SpecError(f"{source.name} is kept as uncompressed images; it has no max_side and no jpeg_quality")
    form = form or source.jpeg
    stored = "" if form is None else f"{form.max_side or 'full'}-q{form.quality}-"
    folder = root / f"{source.name}-{stored}{_blake2b(fingerprint.encode())[:12]}"
    return _Cache(folder, source.name, fingerprint, form)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=SOON)
    except filelock.Timeout:
        print(f"waiting for another process that writes {path.parent}", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _load(cache: _Cache) -> PreparedData | None:
    """What is in the cache, verified; None if anything is missing, damaged or foreign."""
    try:
        train, test = (_read_sidecar(cache, split) for split in ("train", "test"))
        for beton in (train, test):
            verify(beton)
            if beton.files_checksum is not None:
                check_file_list(beton.files, beton.files_checksum)
    except (OSError, ValueError):
        return None
    return PreparedData(cache.source, train, test)


def file_names(beton: Beton) -> list[str] | None:
    """The names of the image files of a beton by sample, relative to its data directory; none: not made of files.

    Raises DataError for a list that is missing or altered.
    """
    if beton.files_checksum is None:
        return None
    try:
        return read_file_list(beton.files, beton.files_checksum)
    except (OSError, ValueError) as error:
        raise DataError(f"{error}; {REBUILD}") from error


def _write(data: ImageData, cache: _Cache, writing: Writing, data_dir: Path | None) -> PreparedData:
    """Write both splits under temporary names, then put them in place, the sidecars last. Needs the lock."""
    for leftover in cache.folder.glob("partial-*"):  # of a writer that was killed
        shutil.rmtree(leftover)
    betons = {}
    with tempfile.TemporaryDirectory(dir=cache.folder, prefix="partial-") as partial:
        for name, split in (("train", data.train), ("test", data.test)):
            path, what = Path(partial, f"{name}.beton"), f"{cache.source} {name}"
            samples = write_split(path, split, data.class_names, what, cache.form, writing, data_dir)
            beton = _describe(path, samples, data.class_names)
            if samples.files is not None:
                checksum = write_file_list(beton.files, samples.files, data_dir)
                beton = dataclasses.replace(beton, files_checksum=checksum)
            _write_sidecar(beton.sidecar, cache.identity(name), beton)
            betons[name] = dataclasses.replace(beton, path=cache.beton(name))
        for written in Path(partial).iterdir():
            _sync(written)
        prepared = PreparedData(cache.source, **betons)
        for written in sorted(Path(partial).iterdir(), key=lambda path: path.suffix == ".json"):
            os.replace(written, cache.folder / written.name)
    for beton in betons.values():
        if beton.file_size > STAMPED:
            write_stamp(beton.path, beton.checksum)
    return prepared


def _describe(path: Path, samples: CheckedSplit | JpegSamples, class_names: tuple[str, ...]) -> Beton:
    if isinstance(samples, JpegSamples):
        jpeg, skipped, equal_images = True, samples.skipped, samples.equal_images
    else:
        jpeg, skipped, equal_images = False, (), ()
    height, width, channels = samples.shape
    return Beton(
        path=path,
        samples=len(samples),
        height=height,
        width=width,
        channels=channels,
        class_names=class_names,
        mean=samples.mean,
        std=samples.std,
        content_sha256=samples.sha256,
        file_size=path.stat().st_size,
        checksum=_hash_file(path),
        jpeg=jpeg,
        skipped=skipped,
        equal_images=equal_images,
    )
