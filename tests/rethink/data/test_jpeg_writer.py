"""The JPEG betons of a made ILSVRC tree."""

import dataclasses
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import psutil
import pytest

from rethink.corruption.labels import corrupt_labels
from rethink.data import sources
from rethink.data.betons import prepare as module
from rethink.data.betons import verification
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.jpeg import samples
from rethink.data.betons.jpeg.encoding import ffcv_pixels
from rethink.data.betons.jpeg.reader_processes import CHUNK, LOOK_AHEAD, _in_order, read_jpegs
from rethink.data.betons.prepare import prepare
from rethink.data.betons.stored_samples import stored_files, stored_labels, stored_pictures
from rethink.data.betons.verification import verify
from rethink.data.betons.writing import progress
from rethink.data.betons.writing.options import Writing
from rethink.data.sources import ArraySplit, DataError, FileSplit, ImageData, ImageSource, JpegForm
from rethink.data.sources.contract import registry
from rethink.errors import SpecError
from tests.made_jpegs import made_image, make_garbage, make_ilsvrc, save, truncate, wnid
from tests.patience import PATIENCE

HERE = Writing(processes=1)
SKIPPING = Writing(processes=1, skip_broken=True)


@pytest.fixture(scope="module")
def ilsvrc(tmp_path_factory) -> Path:
    return make_ilsvrc(tmp_path_factory.mktemp("ilsvrc"), train_per_class=20)


@pytest.fixture(scope="module")
def written(ilsvrc, tmp_path_factory) -> PreparedData:
    return prepare("imagenet", ilsvrc, tmp_path_factory.mktemp("cache"), None, HERE)


@pytest.fixture
def tree(tmp_path) -> Path:
    return make_ilsvrc(tmp_path / "tree", train_per_class=6, val_per_class=2)  # 18 images: more than a chunk


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


def image_of(root: Path, label: int, number: int) -> Path:
    return root / "train" / wnid(label) / f"{wnid(label)}_{number}.JPEG"


def refusal(action, *args) -> str:
    with pytest.raises(DataError) as caught:
        action(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def content(cache: Path) -> list[str]:
    """The files in the only folder of a cache."""
    return sorted(path.name for path in next(cache.iterdir()).iterdir())


WHOLE = ["lock", "test.beton", "test.files", "test.json", "train.beton", "train.files", "train.json"]


def test_every_sample_is_its_file_or_made_from_it(ilsvrc, written):
    data = sources.get("imagenet").open(ilsvrc)
    kept = 0
    for beton, split in ((written.train, data.train), (written.test, data.test)):
        assert beton.jpeg
        assert (beton.samples, beton.channels, beton.class_names) == (len(split.paths), 3, data.class_names)
        assert stored_labels(beton).tolist() == list(split.labels)
        sizes = []
        for path, ours in zip(split.paths, stored_files(beton, np.arange(beton.samples)), strict=True):
            image = PIL.Image.open(path)
            plain = image.format == "JPEG" and image.mode != "CMYK" and max(image.size) <= 500
            assert (ours == path.read_bytes()) == plain
            kept += plain
            (path.parent / "ours").write_bytes(ours)
            sizes.append(PIL.Image.open(path.parent / "ours").size)
            (path.parent / "ours").unlink()
        assert (beton.width, beton.height) == tuple(np.max(sizes, axis=0))
    assert 20 < kept < 60


@pytest.mark.slow
def test_mean_and_deviation_are_exact(written):
    from rethink.data.ffcv_bridge.runtime import Reader

    for beton in (written.train, written.test):
        sizes = Reader(str(beton.path)).metadata["f0"]
        files = stored_files(beton, np.arange(beton.samples))
        decoded = [ffcv_pixels(file, int(s["height"]), int(s["width"])) for file, s in zip(files, sizes, strict=True)]
        pixels = np.concatenate([image.reshape(-1, 3) for image in decoded])
        np.testing.assert_allclose(beton.mean, pixels.mean(0), rtol=1e-12)
        np.testing.assert_allclose(beton.std, pixels.std(0), rtol=1e-9)  # NumPy adds floats


# Nothing of ours: FFCV's own fields, decoder and loader, as its documentation has them.
FFCV_READS = """
import sys
import numpy as np
from ffcv.fields.basics import IntDecoder
from ffcv.fields.rgb_image import CenterCropRGBImageDecoder
from ffcv.loader import Loader, OrderOption
loader = Loader(sys.argv[1], batch_size=7, num_workers=1, order=OrderOption.SEQUENTIAL, drop_last=False, pipelines={
    "image": [CenterCropRGBImageDecoder((64, 64), ratio=1)], "label": [IntDecoder()]})
batches = [(images.copy(), labels.copy()) for images, labels in loader]
np.savez(sys.argv[2], images=np.concatenate([b[0] for b in batches]), labels=np.concatenate([b[1] for b in batches]))
"""


@pytest.mark.slow
def test_ffcvs_own_loader_reads_it(written, tmp_path):
    beton, result = written.train, tmp_path / "read.npz"
    subprocess.run([sys.executable, "-c", FFCV_READS, str(beton.path), str(result)], check=True, timeout=PATIENCE)
    read = np.load(result)
    np.testing.assert_array_equal(read["labels"][:, 0], stored_labels(beton))
    ours = stored_pictures(beton, np.arange(beton.samples), 64).astype(int)
    assert ours.shape == read["images"].shape == (60, 64, 64, 3)
    differences = np.abs(ours - read["images"]).mean((1, 2, 3))
    assert differences.max() < 3  # by two ways to scale
    strangers = np.abs(ours - np.roll(read["images"], 1, axis=0)).mean((1, 2, 3))
    assert strangers.min() > 3


def test_the_same_bytes_from_one_and_two_processes(ilsvrc, written, cache):
    assert len(sources.get("imagenet").open(ilsvrc).train.paths) > 3 * CHUNK
    two = prepare("imagenet", ilsvrc, cache, None, Writing(processes=2))
    for ours, theirs in ((two.train, written.train), (two.test, written.test)):
        assert dataclasses.replace(ours, path=theirs.path) == theirs
        assert ours.path.read_bytes() == theirs.path.read_bytes()


def test_a_second_call_reads_what_the_first_wrote(ilsvrc, written, monkeypatch):
    monkeypatch.setattr(module, "write_split", lambda *_: pytest.fail("written again"))
    assert prepare("imagenet", ilsvrc, written.train.path.parents[1]) == written


def test_each_form_has_its_own_folder(tree, cache):
    save(made_image(0, 0, size=(800, 810)), image_of(tree, 0, 1))
    forms = (None, JpegForm(500, 80), JpegForm(100, 90), JpegForm(None, 90))
    made = [prepare("imagenet", tree, cache, form, HERE) for form in forms]
    names = [data.train.path.parent.name.rsplit("-", 1)[0] for data in made]
    assert names == ["imagenet-500-q90", "imagenet-500-q80", "imagenet-100-q90", "imagenet-full-q90"]
    assert len({data.content_sha256 for data in made}) == 4
    assert [max(data.train.height, data.train.width) for data in made] == [500, 500, 100, 810]
    assert made[3].test.height < made[3].train.height  # allowed, except for uncompressed images
    assert prepare("imagenet", tree, cache, JpegForm(500, 90)) == made[0]


def test_a_sidecar_of_another_form_does_not_count(tree, cache):
    small, large = (prepare("imagenet", tree, cache, JpegForm(side, 90), HERE) for side in (100, 120))
    for name in WHOLE[1:]:
        shutil.copy(small.train.path.parent / name, large.train.path.parent / name)
    assert prepare("imagenet", tree, cache, JpegForm(120, 90), HERE) == large
    assert stored_files(large.train, np.arange(1)) != stored_files(small.train, np.arange(1))


def test_a_form_is_for_jpeg_data_only(cache):
    with pytest.raises(SpecError, match="fashion_mnist_mini is kept as uncompressed images"):
        prepare("fashion_mnist_mini", None, cache, JpegForm(500, 90))


def test_processes_are_at_least_one():
    with pytest.raises(SpecError, match="writers = 0 is not allowed"):
        Writing(processes=0)
    assert Writing().processes == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("processes", [1, 2])
def test_the_first_broken_image_ends_the_writing(tree, cache, processes):
    truncate(image_of(tree, 2, 1))
    first = make_garbage(image_of(tree, 1, 3))
    told = refusal(prepare, "imagenet", tree, cache, None, Writing(processes))
    assert told.startswith(f"{first} is broken (not an image in a known format)")
    assert "--skip-broken" in told
    assert content(cache) == ["lock"]


def test_broken_images_are_left_out_counted_and_listed(tree, cache):
    truncate(image_of(tree, 2, 1))
    make_garbage(image_of(tree, 1, 3))
    broken = (f"train/{wnid(1)}/{wnid(1)}_3.JPEG", f"train/{wnid(2)}/{wnid(2)}_1.JPEG")
    with pytest.warns(UserWarning, match="imagenet train: 2 of 18 images are broken") as caught:
        data = prepare("imagenet", tree, cache, None, SKIPPING)
    assert str(caught[0].message).endswith(f"left out: {', '.join(broken)}")
    assert (data.train.skipped, data.train.samples, data.test.skipped) == (broken, 16, ())
    verify(data.train)
    labels = [int(path.parent.name == wnid(1)) + 2 * int(path.parent.name == wnid(2)) for path in files(tree)]
    kept = [label for path, label in zip(files(tree), labels, strict=True) if named(tree, path) not in broken]
    assert stored_labels(data.train).tolist() == kept
    for name in broken:
        (tree / name).unlink()
    assert prepare("imagenet", tree, cache, None, HERE).train.content_sha256 == data.train.content_sha256


def files(tree: Path) -> list[Path]:
    return sorted((tree / "train").rglob("*.JPEG"))


def named(tree: Path, path: Path) -> str:
    return str(path.relative_to(tree))


def test_betons_that_lack_images_are_used_only_if_asked(tree, cache):
    truncate(image_of(tree, 2, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        skipping = prepare("imagenet", tree, cache, None, SKIPPING)
    told = refusal(prepare, "imagenet", tree, cache, None, HERE)
    assert "prepared without 1 broken images" in told
    assert "--skip-broken" in told
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert prepare("imagenet", tree, cache, None, SKIPPING) == skipping


def test_a_long_list_is_cut_in_the_line_alone(tree, cache):
    broken = [make_garbage(tree / "val" / wnid(0) / f"x{number:02d}.JPEG") for number in range(22)]
    with pytest.warns(UserWarning, match=r"22 of 28 images .*x19.JPEG and 2 more$") as caught:
        data = prepare("imagenet", tree, cache, None, SKIPPING)
    assert str(caught[0].message).count(".JPEG") == samples.LISTED == 20
    assert data.test.skipped == tuple(named(tree, path) for path in broken)
    assert data.test.samples == 6


def test_a_class_of_broken_images_alone_is_refused(tree, cache):
    for path in (tree / "val" / wnid(1)).iterdir():
        make_garbage(path)
    told = refusal(prepare, "imagenet", tree, cache, None, SKIPPING)
    assert f"imagenet test: all images of class {wnid(1)} are broken" in told
    assert content(cache) == ["lock"]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_file_that_cannot_be_read_is_never_left_out(tree, cache, processes):
    path = image_of(tree, 1, 3)
    path.unlink()
    path.symlink_to("/proc/self/mem")  # a plain file that cannot be read, like one on a bad disk
    told = refusal(prepare, "imagenet", tree, cache, None, Writing(processes, skip_broken=True))
    assert f"cannot read {path} (Input/output error)" in told
    assert content(cache) == ["lock"]


@pytest.fixture
def register(monkeypatch) -> Callable[..., None]:
    monkeypatch.setattr(registry.SOURCES, "_entries", dict(registry.SOURCES._entries))

    def add(name: str, split: object, jpeg: JpegForm | None) -> None:
        data = ImageData(split, split, ("a", "b", "c"))
        sources.register(ImageSource(name, lambda _: data, lambda _: "", 5, jpeg=jpeg))

    return add


def test_a_source_whose_split_and_form_differ_is_refused(tree, cache, register):
    register("unsaid", FileSplit(tuple(files(tree)), (0,) * 18), None)
    register("arrays", ArraySplit(np.zeros((3, 5, 5), np.uint8), np.zeros(3, np.int64)), JpegForm(500, 90))
    assert "unsaid train consists of image files of any size" in refusal(prepare, "unsaid", None, cache)
    assert "the source of arrays train declares a JPEG form" in refusal(prepare, "arrays", None, cache)


def test_labels_that_do_not_fit_are_refused(tree, cache, register):
    paths = tuple(files(tree))
    register("few", FileSplit(paths, (0,) * 3), JpegForm(500, 90))
    register("none", FileSplit((), ()), JpegForm(500, 90))
    register("other", FileSplit(paths, (0,) * 17 + (3,)), JpegForm(500, 90))
    assert "few train has 18 images and 3 labels" in refusal(prepare, "few", None, cache)
    assert "none train has 0 images" in refusal(prepare, "none", None, cache)
    assert f"label 3 of {paths[-1]} is not from 0 to 2" in refusal(prepare, "other", None, cache)


@pytest.mark.slow
def test_a_file_larger_than_the_usual_page_is_kept_whole(tmp_path, cache, register):
    noise = np.random.default_rng(0).integers(0, 256, (2400, 2400, 3), np.uint8)
    large, small = tmp_path / "large.JPEG", tmp_path / "small.JPEG"
    PIL.Image.fromarray(noise).save(large, "JPEG", quality=100, subsampling=0)
    save(PIL.Image.fromarray(noise[:50, :50]), small)
    assert large.stat().st_size > samples.MIN_PAGE
    register("large", FileSplit((large, small, small), (0, 1, 2)), JpegForm(None, 90))
    data = prepare("large", None, cache, None, HERE)
    assert stored_files(data.train, np.arange(3)) == [path.read_bytes() for path in (large, small, small)]


def test_label_corruption_is_that_of_the_true_labels(ilsvrc, written):
    labels = np.array(sources.get("imagenet").open(ilsvrc).train.labels)
    ours, expected = (corrupt_labels(table, 3, 0.6, 7) for table in (stored_labels(written.train), labels))
    np.testing.assert_array_equal(ours.given, expected.given)
    assert 0 < (ours.given != labels).sum() < 60


def test_pictures_are_the_central_square(tree, cache):
    image = PIL.Image.new("RGB", (400, 200), "black")
    image.paste("white", (100, 0, 300, 200))
    save(image, image_of(tree, 0, 1))
    picture = stored_pictures(prepare("imagenet", tree, cache, None, HERE).train, np.array([0]), 40)
    assert (picture.shape, picture.dtype) == ((1, 40, 40, 3), np.uint8)
    assert picture.mean() > 250


def test_large_files_are_hashed_once_per_machine(tree, cache, monkeypatch):
    monkeypatch.setattr(verification, "STAMPED", 0)
    monkeypatch.setattr(module, "STAMPED", 0)
    beton = prepare("imagenet", tree, cache, None, HERE).train
    stamp = beton.path.with_name("train.beton.stamp")
    assert content(cache) == sorted([*WHOLE, "test.beton.stamp", "train.beton.stamp"])
    hashed: list[Path] = []
    real = verification._hash_file
    monkeypatch.setattr(verification, "_hash_file", lambda path: (hashed.append(path), real(path))[1])

    def verify_in_a_new_process() -> None:
        verification._file_checksum.cache_clear()
        verify(beton)

    verify_in_a_new_process()
    assert hashed == []
    written = stamp.read_text()
    spoils = (
        stamp.unlink,
        lambda: stamp.write_text("{"),
        lambda: stamp.write_bytes(b"[" * 200_000),
        lambda: stamp.write_text(written.replace(beton.checksum, f"{beton.checksum[:-1]}x")),
        lambda: stamp.write_text(written.replace('"checksum":"', '"checksum":5,"x":"')),
        lambda: (stamp.unlink(), os.mkfifo(stamp)),
        lambda: os.utime(beton.path, (1, 1)),
    )
    for number, spoil in enumerate(spoils, 1):
        spoil()
        verify_in_a_new_process()
        verify_in_a_new_process()
        assert len(hashed) == number
    altered = bytearray(beton.path.read_bytes())
    altered[-1] ^= 1
    beton.path.write_bytes(altered)
    assert "was altered" in refusal(verify_in_a_new_process)


def test_small_sets_are_written_in_silence(tree, cache, capfd):
    prepare("imagenet", tree, cache, None, HERE)
    assert capfd.readouterr() == ("", "")


def test_a_long_writing_tells_how_far_it_is(tree, cache, capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    prepare("imagenet", tree, cache, None, HERE)
    out, lines = capsys.readouterr()
    assert out == ""
    assert lines.startswith("imagenet train: 1 of 18 images, ")
    assert [line.split(":")[0] for line in lines.splitlines()] == 17 * ["imagenet train"] + 5 * ["imagenet test"]
    assert all("images/s, 0:00:" in line for line in lines.splitlines())


def test_a_terminal_has_a_bar(tree, cache, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    prepare("imagenet", tree, cache, None, HERE)
    out, bar = capsys.readouterr()
    assert out == ""
    assert "imagenet train" in bar
    assert "18/18" in bar
    assert "images/s" in bar


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "reader_processes" in " ".join(child.cmdline())]


@pytest.mark.parametrize("pause", [0.0, 2.0])  # at work, or in the middle of an unread answer
@pytest.mark.slow
def test_the_death_of_a_process_ends_the_writing(ilsvrc, pause):
    paths = tuple(files(ilsvrc)) * 20
    reading = read_jpegs(paths, JpegForm(500, 90), 2**23, 2)
    next(reading)
    started = children()
    assert len(started) == 2
    time.sleep(pause)
    started[0].kill()
    assert "after it died (signal 9); if memory was short" in refusal(list, reading)
    assert children() == []


def test_closing_ends_the_processes(ilsvrc):
    reading = read_jpegs(tuple(files(ilsvrc)) * 20, JpegForm(500, 90), 2**23, 2)
    first = [next(reading) for _ in range(CHUNK + 1)]
    assert len({image.sha256 for image in first}) == CHUNK + 1
    assert len(children()) == 2
    reading.close()
    assert children() == []


class ScriptedReader:
    """Answers each chunk with itself: at once, or, if it is slow, only when it is released."""

    def __init__(self, slow: bool) -> None:
        self.slow = slow
        self.asked: deque[tuple[int, tuple[Path, ...]]] = deque()
        self.connection, self._its_end = multiprocessing.Pipe()

    def ask(self, number: int, chunk: tuple[Path, ...]) -> None:
        self.asked.append((number, chunk))
        if not self.slow:
            self._its_end.send(None)

    def release(self) -> None:
        self.slow = False
        for _ in self.asked:
            self._its_end.send(None)

    def answer(self):
        self.connection.recv()
        return self.asked.popleft()


def test_no_process_runs_far_ahead_of_a_slow_one():
    """The first image is late until the quick reader waits; until then it may read so many chunks, and no more."""
    slow, quick = ScriptedReader(slow=True), ScriptedReader(slow=False)
    chunks = [(Path(str(number)),) for number in range(40)]
    ahead = []

    def answer():
        answered = ScriptedReader.answer(quick)
        if not quick.asked and slow.slow:
            ahead.append(answered[0])
            slow.release()
        return answered

    quick.answer = answer
    assert list(_in_order(chunks, [slow, quick])) == [path for chunk in chunks for path in chunk]
    assert ahead == [2 * LOOK_AHEAD - 1]


# Another process that writes the same images many times over, and tells how far it is.
LONG = """
import sys
from pathlib import Path
from rethink.data import sources
from rethink.data.betons.prepare import prepare
from rethink.data.betons.writing import progress
from rethink.data.sources import FileSplit, ImageData, ImageSource, JpegForm
from rethink.data.betons.writing.options import Writing

folder, times, progress.LINE_SECONDS = Path(sys.argv[1]), int(sys.argv[2]), 0.2
paths = tuple(sorted(folder.rglob("*.JPEG"))) * times
split = FileSplit(paths, (0,) * len(paths))
data = ImageData(split, split, ("a", "b"))
sources.register(ImageSource("long", lambda _: data, lambda _: str(folder), 5, jpeg=JpegForm(500, 90)))
if __name__ == "__main__":
    processes = 2 if times > 1 else 1
    print(prepare("long", None, Path(sys.argv[3]), None, Writing(processes)).train.content_sha256)
"""


def start_long(tree: Path, cache: Path, times: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", LONG, str(tree), str(times), str(cache)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def wait_until_ended(processes: list[psutil.Process]) -> None:
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes):
        time.sleep(0.05)


@pytest.mark.parametrize("killed", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.slow
def test_a_writer_that_ends_leaves_no_processes_and_nothing_that_counts(tree, cache, killed):
    process = start_long(tree, cache, 2000)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("long train: ")  # images are in the file
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) >= 2
    if killed == signal.SIGINT:
        os.killpg(process.pid, killed)  # as Ctrl-C in a terminal does
    else:
        process.send_signal(killed)
    _, error = process.communicate(timeout=PATIENCE)
    wait_until_ended(started)
    assert error.count("Traceback") == (1 if killed == signal.SIGINT else 0)
    if killed == signal.SIGINT:
        assert error.rstrip().endswith("KeyboardInterrupt")
        assert content(cache) == ["lock"]
    assert not {"train.json", "test.json"} & set(content(cache))
    output, error = start_long(tree, cache, 1).communicate(timeout=PATIENCE)
    assert len(output) == 65, error
    assert content(cache) == WHOLE


@pytest.mark.slow
def test_a_script_without_a_main_guard_prepares_with_several_processes(ilsvrc, tmp_path):
    """A process that ran the script once more would prepare once more, and so on."""
    script = tmp_path / "own.py"
    script.write_text(
        "from pathlib import Path\n"
        "from rethink.data.betons.prepare import prepare\n"
        "from rethink.data.betons.writing.options import Writing\n"
        f"print(prepare('imagenet', Path({str(ilsvrc)!r}), Path({str(tmp_path)!r}), writing=Writing(2)).train.samples)"
    )
    finished = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert finished.stderr == ""
    assert int(finished.stdout) == len(files(ilsvrc))


def test_a_reader_does_without_torch_and_numba():
    """Importing them would cost every process seconds and 300 MB."""
    code = "import sys, rethink.data.betons.jpeg.reader_processes; print({'torch', 'numba', 'ffcv'} & set(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout == "set()\n"
