"""Where TensorBoard sees a trial: its curves by epoch, its hyperparameters, and examples of the corrupted data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from rethink.metrics import EpochRecord
from rethink.spec import TrialSpec

# Tag of a curve -> column. Tags group curves into sections.
CURVES = {
    "loss/train": "train_loss",
    "loss/test": "test_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/train_corrupted": "train_accuracy_corrupted",
    "accuracy/train_clean": "train_accuracy_clean",
    "accuracy/test": "test_accuracy",
    "accuracy/train_exact": "exact_train_accuracy",
    "progress/learning_rate": "learning_rate",
    "progress/images_per_second": "images_per_second",
}
OUTCOMES = ("outcome/epochs_to_fit", "outcome/test_error")
EXAMPLE_PIXELS = 128  # side of an example image as drawn


class TrialBoard:
    """Writes one trial's curves. A restored trial continues its curves from the epoch it resumes at."""

    def __init__(self, folder: Path, spec: TrialSpec, resumed_from_epoch: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=resumed_from_epoch + 1)
        self._file = cast(Any, self._writer.file_writer)
        values = {name: value for name, value in spec.to_dict().items() if value is not None}
        experiment, start, self._end = hparams(values, dict.fromkeys(OUTCOMES, 0.0))  # type: ignore[no-untyped-call]
        for summary in (experiment, start):
            self._file.add_summary(summary)

    def add(self, record: EpochRecord) -> None:
        """One point on every curve that was measured."""
        row = record.to_dict()
        for tag, column in CURVES.items():
            if row[column] is not None:
                self._writer.add_scalar(tag, row[column], record.epoch)

    def close(self, last: EpochRecord | None) -> None:
        """Add the outcome, which the HParams tab shows, and close the file."""
        if last is not None and last.epochs_to_fit is not None:
            self._writer.add_scalar(OUTCOMES[0], last.epochs_to_fit, last.epoch)
        if last is not None and last.test_accuracy is not None:
            self._writer.add_scalar(OUTCOMES[1], 1 - last.test_accuracy, last.epoch)
        self._file.add_summary(self._end)
        self._writer.close()


def write_examples(folder: Path, tag: str, images: npt.NDArray[np.uint8], labels: Sequence[tuple[str, str]]) -> None:
    """One picture of (n, H, W, 3) images in rows of four, each above its (given, true) label; red where they differ."""
    tiles = [_captioned(image, *pair) for image, pair in zip(images, labels, strict=True)]
    width = min(4, len(tiles))
    rows = [np.concatenate(tiles[i : i + width], axis=1) for i in range(0, len(tiles) - width + 1, width)]
    writer = SummaryWriter(str(folder))
    writer.add_image(tag, np.concatenate(rows, axis=0), dataformats="HWC")
    writer.close()


def _captioned(image: npt.NDArray[np.uint8], given: str, true: str) -> npt.NDArray[np.uint8]:
    tile = Image.new("RGB", (EXAMPLE_PIXELS + 8, EXAMPLE_PIXELS + 48), "white")
    side = (EXAMPLE_PIXELS, EXAMPLE_PIXELS)
    tile.paste(Image.fromarray(image).resize(side, Image.Resampling.NEAREST), (4, 4))
    draw, font = ImageDraw.Draw(tile), ImageFont.load_default(size=15)
    draw.text((4, EXAMPLE_PIXELS + 6), f"given {given}"[:18], "red" if given != true else "black", font)
    draw.text((4, EXAMPLE_PIXELS + 26), f"true {true}"[:18], "black", font)
    return np.asarray(tile)
