"""How one image file is stored or refused."""

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from rethink.data.betons.jpeg.encoding import StoredJpeg, ffcv_pixels, stored_jpeg
from rethink.data.sources import DataError, JpegForm
from rethink.data.sources.trees.image_files import BrokenImageError
from rethink.errors import SpecError
from tests.made_jpegs import made_image, make_garbage, save, truncate

FORM = JpegForm(max_side=500, quality=90)
PAGE = 2**23


def stored(path: Path, form: JpegForm = FORM, max_bytes: int = PAGE) -> StoredJpeg:
    return stored_jpeg(path, form, max_bytes)


def pixels_of(content: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGB"), np.int64)


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs.astype(np.int64)).mean())


@pytest.fixture
def image() -> PIL.Image.Image:
    return made_image(0, 3, size=(300, 200))


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "n1_1.JPEG"


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_plain_jpeg_is_kept_byte_for_byte(image, path, mode, progressive):
    image.convert(mode).save(path, "JPEG", quality=70, progressive=progressive, comment="a comment")
    kept = stored(path)
    assert kept.content == path.read_bytes()
    assert (kept.width, kept.height) == (300, 200)


@pytest.mark.parametrize("size", [(700, 467), (360, 640), (501, 20), (500, 500), (2000, 19)])
def test_a_large_image_is_scaled_to_the_longest_side(path, size):
    original = made_image(1, 2, size=size)
    save(original, path)
    ours = stored(path)
    factor = min(1, 500 / max(size))
    assert (ours.width, ours.height) == (round(size[0] * factor), round(size[1] * factor))
    assert (ours.content == path.read_bytes()) == (factor == 1)
    expected = PIL.Image.open(path).resize((ours.width, ours.height), PIL.Image.Resampling.BICUBIC)
    assert difference(pixels_of(ours.content), np.asarray(expected)) < 4


def test_an_image_is_never_enlarged_and_full_size_is_a_choice(path):
    save(made_image(1, 2, size=(900, 100)), path)
    assert stored(path, JpegForm(None, 90)).content == path.read_bytes()
    assert stored(path, JpegForm(900, 90)).content == path.read_bytes()
    assert stored(path, JpegForm(899, 90)).width == 899


def test_quality_is_that_of_what_is_encoded_anew(image, path):
    save(image, path, "PNG")
    low, high = stored(path, JpegForm(500, 20)).content, stored(path, JpegForm(500, 95)).content
    assert len(low) < len(high)
    assert difference(pixels_of(high), np.asarray(image)) < difference(pixels_of(low), np.asarray(image)) < 10


@pytest.mark.parametrize("kind", ["CMYK", "PNG"])
def test_what_is_no_plain_jpeg_becomes_one(image, path, kind):
    save(image, path, kind)
    ours = stored(path).content
    assert ours[:2] == b"\xff\xd8"
    assert PIL.Image.open(io.BytesIO(ours)).mode == "RGB"
    assert difference(pixels_of(ours), np.asarray(PIL.Image.open(path).convert("RGB"))) < 3


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "1"])
def test_other_modes_become_rgb_without_a_warning(image, path, mode, recwarn):
    adaptive = image.convert(mode, palette=PIL.Image.Palette.ADAPTIVE)
    adaptive.save(path, "PNG", transparency=b"\x80" * 256 if mode == "P" else None)
    ours = stored(path).content
    assert not recwarn.list
    assert difference(pixels_of(ours), np.asarray(PIL.Image.open(path).convert("RGB"))) < 8


def test_orientation_is_ignored(image, path):
    exif = PIL.Image.Exif()
    exif[0x112] = 6  # to be turned by 90 degrees
    image.save(path, "JPEG", exif=exif)
    assert (stored(path).width, stored(path).height) == (300, 200)
    scaled = stored(path, JpegForm(150, 90))
    assert (scaled.width, scaled.height) == (150, 100)
    assert not PIL.Image.open(io.BytesIO(scaled.content)).getexif()


def test_grey_becomes_three_equal_channels_in_ffcvs_decoder(image, path):
    save(image, path, "grey")
    kept = stored(path)
    decoded = ffcv_pixels(kept.content, kept.height, kept.width)
    assert (decoded == decoded[..., :1]).all()
    assert difference(decoded, np.asarray(image.convert("L").convert("RGB"))) < 3


@pytest.mark.parametrize("kind", ["RGB", "grey", "CMYK"])
def test_moments_are_those_of_the_decoded_pixels(image, path, kind):
    save(image, path, kind)
    ours = stored(path)
    pixels = ffcv_pixels(ours.content, ours.height, ours.width).astype(np.int64)
    assert difference(pixels, pixels_of(ours.content)) < 1  # PIL decodes by a slower, finer transform
    assert ours.sums.tolist() == pixels.sum((0, 1)).tolist()
    assert ours.squares.tolist() == (pixels**2).sum((0, 1)).tolist()


def test_what_pil_reads_but_ffcvs_decoder_complains_of_is_encoded_anew(image, path):
    save(image, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-2] + b"\x12\x34" * 50 + whole[-2:])  # more data than the image has
    assert ffcv_pixels(path.read_bytes(), 200, 300) is None
    np.testing.assert_array_equal(pixels_of(path.read_bytes()), pixels_of(whole))
    ours = stored(path)
    assert ffcv_pixels(ours.content, 200, 300) is not None
    assert difference(pixels_of(ours.content), pixels_of(whole)) < 3


def test_a_file_of_mostly_comments_is_encoded_anew(image, path):
    save(image, path)
    whole = path.read_bytes()
    comment = b"\xff\xfe\xff\xff" + bytes(65_533)
    path.write_bytes(whole[:2] + 130 * comment + whole[2:])
    ours = stored(path)
    assert path.stat().st_size > PAGE > 50_000 > len(ours.content)
    assert difference(pixels_of(ours.content), pixels_of(whole)) < 3


def sixteen_bits(path: Path) -> None:
    PIL.Image.fromarray(np.full((20, 20), 300, np.uint16)).save(path, "PNG")


def many_pixels(path: Path) -> None:
    PIL.Image.new("1", (20_000, 10_000)).save(path, "PNG")


def of_size(width: int, height: int):
    return lambda path: PIL.Image.new("RGB", (width, height)).save(path, "PNG")


BROKEN = {
    "truncated": (lambda path: (save(made_image(0, 0), path), truncate(path)), "truncated"),
    "truncated PNG": (lambda path: (save(made_image(0, 0), path, "PNG"), truncate(path)), "truncated"),
    "garbage": (make_garbage, "not an image in a known format"),
    "empty": (lambda path: path.write_bytes(b""), "not an image in a known format"),
    "a start only": (lambda path: path.write_bytes(b"\xff\xd8\xff\xe0"), ""),
    "16 bits": (sixteen_bits, "PIL mode I;16"),
    "too many pixels": (many_pixels, "exceeds limit"),
    "3 pixels wide": (of_size(3, 100), "3 x 100 pixels as stored"),
    "1 pixel high when scaled": (of_size(5000, 10), "500 x 1 pixels as stored"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_image_has_a_reason_of_one_line(path, kind):
    spoil, told = BROKEN[kind]
    spoil(path)
    with pytest.raises(BrokenImageError) as caught:
        stored(path)
    assert told in str(caught.value)
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    assert "object at" not in str(caught.value)


def test_a_side_that_no_jpeg_has_is_refused_even_at_full_size(path):
    of_size(65_501, 4)(path)
    with pytest.raises(BrokenImageError, match="65501 x 4 pixels as stored"):
        stored(path, JpegForm(None, 90))


def test_a_file_that_cannot_be_read_is_not_called_broken(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*missing\.JPEG"):
        stored(tmp_path / "missing.JPEG")


def test_an_image_above_a_page_is_named(image, path):
    save(image, path, "PNG")
    with pytest.raises(DataError, match=r"n1_1.JPEG takes \d+ bytes as JPEG, but a page holds 1000; set a max_side"):
        stored(path, max_bytes=1000)


@pytest.mark.parametrize(("max_side", "quality"), [(3, 90), (0, 90), (65_501, 90), (500, 0), (500, 101)])
def test_a_form_that_no_jpeg_can_have_is_refused(max_side, quality):
    with pytest.raises(SpecError, match="is not allowed"):
        JpegForm(max_side, quality)
