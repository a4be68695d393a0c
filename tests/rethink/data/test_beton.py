import functools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import shared_memory
from pathlib import Path

import filelock
import numpy as np
import pytest

from rethink.data import sources
from rethink.data.betons import prepare as module
from rethink.data.betons import verification
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import prepare
from rethink.data.betons.verification import verify
from rethink.data.sources import ArraySplit, DataError, ImageData, ImageSource
from rethink.data.sources.contract import registry
from rethink.errors import SpecError
from tests.patience import PATIENCE

RNG = np.random.default_rng(8)
IMAGES = RNG.integers(0, 256, (40, 6, 5, 3), np.uint8)
LABELS = RNG.integers(0, 3, 40)


def split(part: slice) -> ArraySplit:
    return ArraySplit(IMAGES[part], LABELS[part])


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Registers the source "tiny" (30 + 10 images); the list grows whenever it is opened, that is, written again."""
    monkeypatch.setattr(registry.SOURCES, "_entries", dict(registry.SOURCES._entries))
    times: list[str] = []

    def open_tiny(_data_dir: Path | None) -> ImageData:
        times.append("opened")
        return ImageData(split(slice(30)), split(slice(30, 40)), ("a", "b", "c"))

    sources.register(ImageSource("tiny", open_tiny, lambda data_dir: str(data_dir), 5))
    return times


def register_broken(name: str, train: object) -> None:
    sources.register(ImageSource(name, lambda _: ImageData(train, split(slice(5)), ("a", "b", "c")), lambda _: "", 5))


def refusal(action, *args) -> str:
    with pytest.raises(DataError) as caught:
        action(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def read_back(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and labels by FFCV's own description of the file, without its loader."""
    from rethink.data.ffcv_bridge.runtime import Reader

    reader, content = Reader(str(path)), np.fromfile(path, np.uint8)
    image, labels = reader.metadata["f0"], reader.metadata["f1"]
    assert reader.field_names == ["image", "label"]
    assert len(set(image["mode"].tolist())) == 1
    sizes = image["height"].astype(int) * image["width"] * 3
    table = reader.alloc_table  # what the loader finds an image's end with
    np.testing.assert_array_equal(table["sample_id"], np.arange(len(image)))
    np.testing.assert_array_equal(table["ptr"], image["data_ptr"])
    np.testing.assert_array_equal(table["size"], sizes)
    starts = image["data_ptr"].astype(int)
    pixels = [content[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    return np.stack(pixels).reshape(-1, image["height"][0], image["width"][0], 3), labels


def check_tiny(prepared: PreparedData) -> None:
    for part, beton in ((slice(30), prepared.train), (slice(30, 40), prepared.test)):
        pixels, labels = read_back(beton.path)
        np.testing.assert_array_equal(pixels, IMAGES[part])
        np.testing.assert_array_equal(labels, LABELS[part])


@pytest.mark.slow
def test_the_beton_holds_the_whole_mini_set(tmp_path):
    prepared = prepare("fashion_mnist_mini", None, tmp_path)
    source = sources.get("fashion_mnist_mini").open(None)
    for ours, theirs in ((prepared.train, source.train), (prepared.test, source.test)):
        pixels, labels = read_back(ours.path)
        np.testing.assert_array_equal(pixels, theirs.images[..., None].repeat(3, axis=3))
        np.testing.assert_array_equal(labels, theirs.labels)
        assert (ours.samples, ours.height, ours.width, ours.channels, ours.classes) == (len(labels), 28, 28, 3, 10)
        np.testing.assert_allclose(ours.mean, pixels.mean((0, 1, 2)))
        np.testing.assert_allclose(ours.std, pixels.std((0, 1, 2)))
    assert prepared.class_names == source.class_names


def test_a_second_call_reads_what_the_first_wrote(opened, tmp_path):
    first = prepare("tiny", None, tmp_path)
    check_tiny(first)
    assert prepare("tiny", None, tmp_path) == first
    assert opened == ["opened"]
    assert hash(first.train) == hash(prepare("tiny", None, tmp_path).train)
    assert prepare("tiny", tmp_path, tmp_path).train.path != first.train.path  # another fingerprint


def test_the_same_data_give_the_same_files_anywhere(opened, tmp_path):
    one, two = prepare("tiny", None, tmp_path / "one"), prepare("tiny", None, tmp_path / "two")
    assert one.train.checksum == two.train.checksum
    assert one.train.content_sha256 == two.train.content_sha256 != one.test.content_sha256


@pytest.mark.slow
def test_images_above_a_page_are_written_whole(opened, tmp_path):
    images = RNG.integers(0, 256, (3, 1200, 1100, 3), np.uint8)
    both = ArraySplit(images, np.arange(3))
    sources.register(ImageSource("large", lambda _: ImageData(both, both, ("a", "b", "c")), lambda _: "", 5))
    pixels, labels = read_back(prepare("large", None, tmp_path).train.path)
    np.testing.assert_array_equal(pixels, images)
    assert labels.tolist() == [0, 1, 2]


def test_verifying_an_unchanged_file_again_is_free(opened, tmp_path, monkeypatch):
    prepared = prepare("tiny", None, tmp_path)
    verify(prepared.train)
    monkeypatch.setattr(verification, "_hash_file", lambda path: pytest.fail("hashed again"))
    verify(prepared.train)


def flip(position: int):
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[position] ^= 1
        path.write_bytes(content)

    return damage


def resize(change: int):
    return lambda path: os.truncate(path, path.stat().st_size + change)


DAMAGE = {
    "one byte short": resize(-1),
    "one byte long": resize(1),
    "header version": flip(0),
    "header count": flip(8),
    "header table pointer": flip(16),
    "field description": flip(30),
    "label": flip(24 + 2 * 1041 + 16),  # header, field descriptions, mode to data_ptr
    "padding": flip(1 << 20),
    "first pixel": flip(1 << 21),
    "last pixel": flip((1 << 21) + 30 * 90 - 1),
    "allocation table": flip(-1),
    "no allocation table": resize(-30 * 24),
    "empty": lambda path: path.write_bytes(b""),
    "header only": lambda path: os.truncate(path, 24),
    "garbage": lambda path: path.write_bytes(b"garbage" * 1000),
    "garbage of equal size": lambda path: path.write_bytes(os.urandom(path.stat().st_size)),
    "missing": lambda path: path.unlink(),
    "another data set's": lambda path: shutil.copy(path.with_name("test.beton"), path),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_beton_is_refused_and_rebuilt(opened, tmp_path, kind):
    good = prepare("tiny", None, tmp_path)
    before = good.train.path.read_bytes() + good.test.path.read_bytes()
    time.sleep(0.01)  # a file system's clock ticks every 4 ms
    DAMAGE[kind](good.train.path)
    after = b"".join(path.read_bytes() for path in (good.train.path, good.test.path) if path.exists())
    assert after != before
    assert str(good.train.path) in refusal(verify, good.train)
    assert prepare("tiny", None, tmp_path) == good
    assert len(opened) == 2
    verify(good.train)
    check_tiny(good)


def test_another_size_is_told_without_reading_the_file(opened, tmp_path, monkeypatch):
    beton = prepare("tiny", None, tmp_path).train
    monkeypatch.setattr(verification, "_hash_file", lambda path: pytest.fail("hashed"))
    resize(-1)(beton.path)
    assert f"has {beton.file_size - 1} bytes instead of {beton.file_size}" in refusal(verify, beton)


def signed(change):
    """Alters the sidecar's content and its checksum, as another version of this program would."""

    def damage(path: Path) -> None:
        sidecar = json.loads(path.read_text())
        del sidecar["sidecar_checksum"]
        change(sidecar)
        sidecar["sidecar_checksum"] = verification._blake2b(json.dumps(sidecar, sort_keys=True).encode())
        path.write_text(json.dumps(sidecar))

    return damage


def edit(**changes: object):
    return signed(lambda sidecar: sidecar["identity"].update(changes))


def describe(**changes: object):
    return signed(lambda sidecar: sidecar["beton"].update(changes))


def lack(field: str):
    return signed(lambda sidecar: sidecar["beton"].pop(field))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


SIDECAR_DAMAGE = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": resize(-1),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\0"),
    "a list": lambda path: path.write_text("[]"),
    "another program's": lambda path: path.write_text('{"name": "x", "version": 1}'),
    "a digit changed": lambda path: path.write_text(path.read_text().replace('"height": 6', '"height": 7')),
    "another version": edit(version=1),
    "another format": edit(format="x"),
    "another source": edit(source="x"),
    "another fingerprint": edit(fingerprint="x"),
    "that of the other split": lambda path: shutil.copy(path.with_name("test.json"), path),
    "nested deep": lambda path: path.write_bytes(b"[" * 200_000),
    "nested deep inside": describe(mean=functools.reduce(lambda inner, _: [inner], range(500), 1.0)),
    "not a number": lambda path: path.write_text(path.read_text().replace('"height": 6', '"height": NaN')),
    "infinite": lambda path: path.write_text(re.sub(r'"mean": \[\s*[0-9.]+', '"mean": [1e999', path.read_text())),
    "height null": describe(height=None),
    "height below one": describe(height=0),
    "size a text": describe(file_size="big"),
    "a deviation less": describe(std=[1.0, 2.0]),
    "a mean that no bytes have": describe(mean=[1.0, 2.0, 256.0]),
    "classes a number": describe(class_names=5),
    "a class null": describe(class_names=["a", "b", None]),
    "equal images beyond the last": describe(equal_images=[[0, 30]]),
    "a checksum that is none": describe(checksum="ab"),
    "a field less": lack("samples"),
    "a pipe": pipe,
}


@pytest.mark.parametrize("kind", SIDECAR_DAMAGE)
def test_a_damaged_sidecar_is_rebuilt(opened, tmp_path, kind):
    good = prepare("tiny", None, tmp_path)
    sidecar = good.train.path.with_suffix(".json")
    before = sidecar.read_bytes()
    SIDECAR_DAMAGE[kind](sidecar)
    assert not sidecar.is_file() or sidecar.read_bytes() != before
    assert prepare("tiny", None, tmp_path) == good
    assert len(opened) == 2
    assert sidecar.read_bytes() == before


def test_swapped_splits_are_noticed(opened, tmp_path):
    good = prepare("tiny", None, tmp_path)
    for suffix in (".beton", ".json"):
        train, test = (good.train.path.with_name(name + suffix) for name in ("train", "test"))
        train.rename(train.with_name("x"))
        test.rename(train)
        train.with_name("x").rename(test)
    check_tiny(prepare("tiny", None, tmp_path))
    assert len(opened) == 2


class Raises(ArraySplit):
    def __getitem__(self, index: int, /):
        if index == 20:
            raise RuntimeError("sample 20 raised")
        return super().__getitem__(index)


def test_a_sample_that_raises_leaves_nothing_behind(opened, tmp_path):
    register_broken("broken", Raises(IMAGES, LABELS))
    with pytest.raises(SpecError, match="sample 20 raised"):
        prepare("broken", None, tmp_path)
    assert [path.name for path in next(tmp_path.iterdir()).iterdir()] == ["lock"]


def test_a_sample_that_does_not_fit_is_named(opened, tmp_path):
    register_broken("label", ArraySplit(IMAGES, np.where(np.arange(40) == 17, 3, LABELS)))
    assert "label train: label 3 of image 17 is not from 0 to 2" in refusal(prepare, "label", None, tmp_path)


def test_train_and_test_must_be_of_one_size(opened, tmp_path):
    register_broken("sizes", ArraySplit(IMAGES[:, :5], LABELS))
    assert "train images are (5, 5), test images (6, 5)" in refusal(prepare, "sizes", None, tmp_path)
    assert [path.name for path in next(tmp_path.iterdir()).iterdir()] == ["lock"]


@pytest.mark.parametrize("limit", [1000, 3_000_000, 4_194_304 + 100])  # in the header, the pixels, the table
def test_a_full_disk_is_one_line(opened, tmp_path, limit):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        message = refusal(prepare, "tiny", None, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot prepare tiny in" in message
    assert [path.name for path in next(tmp_path.iterdir()).iterdir()] == ["lock"]
    check_tiny(prepare("tiny", None, tmp_path))


def test_a_short_write_that_ffcv_ignores_is_noticed(opened, tmp_path, monkeypatch):
    from rethink.data.ffcv_bridge import runtime

    class ShortWrite(runtime.MemoryAllocator):
        def flush_page(self) -> None:
            super().flush_page()
            if self.my_page >= 0:
                os.truncate(self.fname, os.stat(self.fname).st_size - 10)

    with monkeypatch.context() as patch:
        patch.setattr(runtime, "MemoryAllocator", ShortWrite)
        assert "No space left on device" in refusal(prepare, "tiny", None, tmp_path)
    check_tiny(prepare("tiny", None, tmp_path))


def test_a_folder_that_cannot_be_written_is_one_line(opened, tmp_path):
    (tmp_path / "file").write_text("")
    assert f"cannot prepare tiny in {tmp_path / 'file'}" in refusal(prepare, "tiny", None, tmp_path / "file")
    assert "cannot prepare tiny in /proc/none" in refusal(prepare, "tiny", None, Path("/proc/none"))


# Another process, with "slow": a source that logs when it is opened and stops for a while at sample 20.
SLOW = """
import sys, time
from pathlib import Path
import numpy as np
from rethink.data import sources
from rethink.data.betons.prepare import prepare
from rethink.data.sources import ArraySplit, ImageData, ImageSource

folder, pause = Path(sys.argv[1]), float(sys.argv[2])

class Slow(ArraySplit):
    def __getitem__(self, index, /):
        if index == 20:
            (folder / "at sample 20").touch()
            time.sleep(pause)
        return super().__getitem__(index)

def open_slow(_):
    with (folder / "log").open("a") as log:
        log.write("opened\\n")
    split = Slow(np.arange(40 * 75, dtype=np.uint32).astype(np.uint8).reshape(40, 5, 5, 3), np.arange(40) % 3)
    return ImageData(split, split, ("a", "b", "c"))

sources.register(ImageSource("slow", open_slow, lambda _: "", 5))
if __name__ == "__main__":
    print(prepare("slow", None, folder / "cache").train.content_sha256)
"""


def start_slow(folder: Path, pause: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SLOW, str(folder), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_of_processes_at_once_one_writes(tmp_path):
    ends = [process.communicate(timeout=PATIENCE) for process in [start_slow(tmp_path, 1.0) for _ in range(3)]]
    assert {error for _, error in ends} == {""}  # no progress bar, no leaked shared memory
    assert len({output for output, _ in ends}) == 1
    assert len(ends[0][0]) == 65
    assert (tmp_path / "log").read_text() == "opened\n"


@pytest.mark.slow
def test_a_writer_killed_half_way_leaves_nothing_that_counts(tmp_path):
    killed = start_slow(tmp_path, 60)
    while not (tmp_path / "at sample 20").exists():
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=PATIENCE)
    folder = next((tmp_path / "cache").iterdir())
    assert any(path.name.startswith("partial-") for path in folder.iterdir())
    output, error = start_slow(tmp_path, 0).communicate(timeout=PATIENCE)
    assert (len(output), error) == (65, "")
    assert (tmp_path / "log").read_text() == "opened\nopened\n"
    expected = ["lock", "test.beton", "test.json", "train.beton", "train.json"]
    assert sorted(path.name for path in folder.iterdir()) == expected


def test_nothing_is_printed(opened, tmp_path, capfd):
    prepare("tiny", None, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_shared_memory_is_gone_before_the_first_sample(opened, tmp_path, monkeypatch):
    unlinked = []
    unlink = shared_memory.SharedMemory.unlink
    monkeypatch.setattr(shared_memory.SharedMemory, "unlink", lambda self: (unlinked.append(self.name), unlink(self)))
    register_broken("broken", Raises(IMAGES, LABELS))
    with pytest.raises(SpecError, match="sample 20 raised"):
        prepare("broken", None, tmp_path)
    assert len(unlinked) == 1
    assert not Path("/dev/shm", unlinked[0]).exists()


def test_who_waits_long_for_another_writer_says_so(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(module, "SOON", 0.1)

    def lock_and_release() -> bool:
        with module._locked(tmp_path / "lock"):
            return True

    with filelock.FileLock(tmp_path / "lock") as other, ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(lock_and_release)
        while f"waiting for another process that writes {tmp_path}" not in capfd.readouterr().err:
            assert not waiting.done()
        other.release()
        assert waiting.result(timeout=PATIENCE)
