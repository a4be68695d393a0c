"""Betons: each data set written once to FFCV files in a cache folder, and checked before FFCV opens them.

    <cache>/<source>-<fingerprint>/train.beton  test.beton   the samples, as FFCV writes them
                                   train.files  test.files   the names of the image files, where it was made of such
                                   train.json   test.json    what is in the beton, and its checksum; written last
                                   lock                      held by the one process that writes
                                   *.stamp                   the checksum of a large beton as it is, see STAMPED

The folder of a JPEG data set is <source>-<max_side>-q<quality>-<fingerprint>.

FFCV itself has no checksum: it serves altered pixels as they are, and crashes or hangs on other damage.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import filelock
import msgspec
from msgspec import Meta

from rethink.checked_files import decode_json, open_plain, read_plain
from rethink.data import sources
from rethink.data.beton_writer import ALLOCATION_BYTES
from rethink.data.checksum_stamps import stamped_checksum, write_stamp
from rethink.data.file_lists import check_file_list, read_file_list, write_file_list
from rethink.data.jpeg_writer import JpegSamples
from rethink.data.sources import DataError, ImageData, ImageSource, JpegForm
from rethink.data.sources.checked_split import CheckedSplit
from rethink.data.split_writer import write_split
from rethink.data.writing import Writing
from rethink.spec import SpecError
from rethink.user_cache import user_cache

FORMAT = {"format": "rethink-beton", "version": 2}
FFCV_VERSION = 2
HEADER = struct.Struct("<HHIQQ")  # of FFCV: version, fields, page size, samples, position of the allocation table
STAMPED = 2**30  # bytes: larger files are hashed once per machine, others once per process
USUAL_WRITING = Writing()
SOON = 10.0  # seconds to wait for another writer without a word
REBUILD = "prepare the data set again, or delete its folder"

Count = Annotated[int, Meta(ge=1, le=2**50)]
ByChannel = Annotated[tuple[Annotated[float, Meta(ge=0, le=255)], ...], Meta(min_length=3, max_length=3)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Checksum = Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]
Indices = tuple[Annotated[int, Meta(ge=0)], ...]


@dataclass(frozen=True)
class Beton:
    """One FFCV file, and what its sidecar says of it. Sample i is sample i of the source."""

    path: Path
    samples: Count
    height: Count  # pixels
    width: Count
    channels: Annotated[int, Meta(ge=3, le=3)]
    class_names: Annotated[tuple[str, ...], Meta(min_length=1)]
    mean: ByChannel  # of this split's pixels, per channel, 0-255
    std: ByChannel
    content_sha256: Sha256  # of shapes, images (JPEG: their bytes) and labels in order: the same on every machine
    file_size: Count  # bytes
    checksum: Checksum  # BLAKE2b of the file
    jpeg: bool = False  # JPEG images of any size, `height` and `width` being the largest; else all have that size
    skipped: tuple[str, ...] = ()  # broken image files that were left out, as asked
    equal_images: tuple[Indices, ...] = ()  # JPEG: the samples of each group of two or more with equal bytes
    files_checksum: Checksum | None = None  # BLAKE2b of the list of the image files it was made of; none: of no such

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def sidecar(self) -> Path:
        return self.path.with_suffix(".json")

    @property
    def files(self) -> Path:
        """The list of image files, see `rethink.data.file_lists`."""
        return self.path.with_suffix(".files")


@dataclass(frozen=True)
class PreparedData:
    """A data set ready to be read. Raises DataError if uncompressed train and test images differ in size."""

    source: str
    train: Beton
    test: Beton

    def __post_init__(self) -> None:
        train, test = ((beton.height, beton.width) for beton in (self.train, self.test))
        if train != test and not self.train.jpeg:
            raise DataError(f"{self.source}: train images are {train}, test images {test} (height, width); make one")

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.train.class_names

    @property
    def classes(self) -> int:
        return self.train.classes

    @property
    def content_sha256(self) -> str:
        """Stands for all images and labels of both splits: the same on every machine."""
        return hashlib.sha256(f"{self.train.content_sha256} {self.test.content_sha256}".encode()).hexdigest()


@dataclass(frozen=True)
class _Cache:
    """The folder of one source at one state of its data, in one form."""

    folder: Path
    source: str
    fingerprint: str
    form: JpegForm | None

    def beton(self, split: str) -> Path:
        return self.folder / f"{split}.beton"

    def identity(self, split: str) -> dict[str, Any]:
        form = {} if self.form is None else {"form": dataclasses.asdict(self.form)}
        return {**FORMAT, "source": self.source, "fingerprint": self.fingerprint, "split": split, **form}


def prepare(
    source_name: str,
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
    form: JpegForm | None = None,
    writing: Writing = USUAL_WRITING,
) -> PreparedData:
    """The betons of a source, verified; written first if they are missing or damaged. Any process may call it.

    `cache_dir` is by default the user's cache folder, `form` by default the usual one of a data set that is kept as
    JPEG. Raises SpecError for an unknown source and for a form where images are kept uncompressed, and DataError for
    data that cannot be had, that do not fit, or that cannot be written, and for betons that lack broken images unless
    `writing` allows it.
    """
    prepared = _prepare(sources.get(source_name), data_dir, cache_dir, form, writing)
    skipped = len(prepared.train.skipped) + len(prepared.test.skipped)
    if skipped and not writing.skip_broken:
        raise DataError(
            f"{source_name} was prepared without {skipped} broken images, listed in {prepared.train.path.parent}; say "
            "--skip-broken to use it so, or replace them"
        )
    return prepared


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
            f"cannot prepare {source.name} in {cache.folder} ({error}); mend that or choose another cache folder"
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


def verify(beton: Beton) -> None:
    """Check size, checksum and number of samples of the file. Raises DataError with one line.

    The checksum of an unchanged file (path, size, modification time, inode) is computed once per process, and that of
    a large one once per machine.
    """
    try:
        stat = beton.path.stat()
        if stat.st_size != beton.file_size:
            raise DataError(f"{beton.path} has {stat.st_size} bytes instead of {beton.file_size}; {REBUILD}")
        checksum = _file_checksum(beton.path, beton.checksum, stat.st_size, stat.st_mtime_ns, stat.st_ino)
        header = _read_header(beton.path)
    except OSError as error:
        raise DataError(f"cannot read {beton.path} ({error.strerror}); {REBUILD}") from error
    if checksum != beton.checksum:
        raise DataError(f"{beton.path} was altered: its checksum is not that of its sidecar; {REBUILD}")
    version, _fields, _page_size, samples, table = header
    if (version, samples, table + samples * ALLOCATION_BYTES) != (FFCV_VERSION, beton.samples, beton.file_size):
        raise DataError(f"{beton.path} is no FFCV file of {beton.samples} samples; {REBUILD}")


@functools.cache
def _file_checksum(path: Path, expected: str, size: int, _mtime_ns: int, _inode: int) -> str:
    return stamped_checksum(path, expected, _hash_file) if size > STAMPED else _hash_file(path)


def _hash_file(path: Path) -> str:
    with open_plain(path) as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _read_header(path: Path) -> tuple[int, ...]:
    with open_plain(path) as file:
        return HEADER.unpack(file.read(HEADER.size).ljust(HEADER.size, b"\0"))


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


class _Sidecar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    identity: dict[str, Any]
    beton: dict[str, Any]
    sidecar_checksum: str


def _read_sidecar(cache: _Cache, split: str) -> Beton:
    path, identity = cache.beton(split), cache.identity(split)
    try:
        sidecar = decode_json(read_plain(path.with_suffix(".json")), _Sidecar)
        beton = msgspec.convert({**sidecar.beton, "path": path}, Beton)
    except (ValueError, msgspec.ValidationError) as error:
        raise DataError(f"the sidecar of {path} is damaged ({error}); {REBUILD}") from error
    if any(index >= beton.samples for group in beton.equal_images for index in group):
        raise DataError(f"the sidecar of {path} names samples beyond the last; {REBUILD}")
    if sidecar.identity != identity or sidecar.sidecar_checksum != _sidecar_checksum(identity, beton):
        raise DataError(f"the sidecar of {path} is damaged or foreign; {REBUILD}")
    return beton


def _write_sidecar(path: Path, identity: dict[str, Any], beton: Beton) -> None:
    checksum = _sidecar_checksum(identity, beton)
    content = {"identity": identity, "beton": _fields(beton), "sidecar_checksum": checksum}
    path.write_text(json.dumps(content, indent=1, allow_nan=False))


def _sidecar_checksum(identity: dict[str, Any], beton: Beton) -> str:
    return _blake2b(json.dumps({"identity": identity, "beton": _fields(beton)}, sort_keys=True).encode())


def _fields(beton: Beton) -> dict[str, Any]:
    fields = dataclasses.asdict(beton)
    del fields["path"]
    return fields


def file_names(beton: Beton) -> list[str] | None:
    """The names of the image files that a beton was made of, below its data directory, by sample; none: of no such.

    Raises DataError for a list that is missing or altered.
    """
    if beton.files_checksum is None:
        return None
    try:
        return read_file_list(beton.files, beton.files_checksum)
    except (OSError, ValueError) as error:
        raise DataError(f"{error}; {REBUILD}") from error


def _blake2b(content: bytes) -> str:
    return hashlib.blake2b(content).hexdigest()


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


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
