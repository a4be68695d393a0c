"""Where TensorBoard sees a trial: its curves by epoch or step, its hyperparameters, and examples of its data."""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import image as image_summary

from rethink.files.os_errors import naming
from rethink.records.record import Record
from rethink.spec import TrialSpec
from rethink.spec.fields import fields_of

# Tag of a curve -> column. Tags group curves into sections.
CURVES = {
    "loss/train": "train_loss",
    "loss/test": "test_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/train_corrupted": "train_accuracy_corrupted",
    "accuracy/train_clean": "train_accuracy_clean",
    "accuracy/test": "test_accuracy",
    "accuracy/train_exact": "exact_train_accuracy",
    "accuracy/train_eval": "train_eval_accuracy",
    "accuracy/test_top5": "test_top5_accuracy",
    "accuracy/train_eval_top5": "train_eval_top5_accuracy",
    "accuracy/train_exact_top5": "exact_train_top5_accuracy",
    "progress/learning_rate": "learning_rate",
    "progress/images_per_second": "images_per_second",
}
OUTCOMES = ("outcome/epochs_to_fit", "outcome/test_error")
_NOT_SHOWN = ("image_size", "batch_size", "max_epochs", "epochs_after_fit", "stop_loss", "test_every", "precision")
_VALUES = {bool: "bool_value", str: "string_value", int: "number_value", float: "number_value"}  # of a protocol buffer
_TYPES = {
    bool: api_pb2.DATA_TYPE_BOOL,
    str: api_pb2.DATA_TYPE_STRING,
    int: api_pb2.DATA_TYPE_FLOAT64,
    float: api_pb2.DATA_TYPE_FLOAT64,
}
EXAMPLE_PIXELS = 128  # side of an example image as drawn


class _EventFile:
    """One of TensorBoard's files, written at once: its own writer has a thread, whose errors nobody hears of.

    Raises OSError, naming the file, where it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        now = time.time_ns()
        self._path = folder / f"events.out.tfevents.{now // 10**9:010d}.{socket.gethostname()}.{os.getpid()}.{now}"
        with naming(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb")
        self._records = RecordWriter(self._file)
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def purge_from(self, step: int) -> None:
        """Hide what earlier files of the folder show from this step on."""
        self._write(Event(wall_time=time.time(), step=step, session_log=SessionLog(status=SessionLog.START)))

    def add(self, summary: Any, step: int = 0) -> None:
        self._write(Event(wall_time=time.time(), step=step, summary=summary))

    def close(self) -> None:
        with naming(self._path):
            self._file.close()

    def _write(self, event: Any) -> None:
        with naming(self._path):
            self._records.write(event.SerializeToString())
            self._records.flush()


class TrialBoard:
    """Writes one trial's curves: by epoch, or by step if it is evaluated inside epochs.

    A restored trial continues its curves from `first`, its first record.
    """

    def __init__(self, folder: Path, spec: TrialSpec, first: Record) -> None:
        """Raises OSError, as do all methods, naming the file that cannot be written."""
        self._x = "epoch" if spec.evaluate_steps is None else "steps"
        self._file = _EventFile(folder)
        self._file.purge_from(getattr(first, self._x))
        start = SessionStartInfo()
        for name, field in fields_of(TrialSpec).items():
            if (value := getattr(spec, name)) is not None:
                setattr(start.hparams[name], _VALUES[field.kind], value)
        self._file.add(_hparams(metadata.SESSION_START_INFO_TAG, session_start_info=start))

    def add(self, record: Record) -> None:
        """One point on every curve that was measured."""
        row = record.to_dict()
        measured = {tag: row[column] for tag, column in CURVES.items() if row[column] is not None}
        self._file.add(_scalars(measured), row[self._x])

    def close(self, last: Record | None) -> None:
        """Add the outcome, which the HParams tab shows, and close the file."""
        try:
            if last is not None:
                test_error = None if last.test_accuracy is None else 1 - last.test_accuracy
                outcome = dict(zip(OUTCOMES, (last.epochs_to_fit, test_error), strict=True))
                known = {tag: value for tag, value in outcome.items() if value is not None}
                self._file.add(_scalars(known), getattr(last, self._x))
            end = SessionEndInfo(status=api_pb2.STATUS_SUCCESS)
            self._file.add(_hparams(metadata.SESSION_END_INFO_TAG, session_end_info=end))
        finally:
            self._file.close()


def write_hyperparameters(folder: Path, specs: Sequence[TrialSpec]) -> None:
    """The columns of the HParams tab, once for a run: every field that any of its trials has.

    TensorBoard shows at first the fields that differ: those of what is trained on what, not of how a trial is watched.
    """
    experiment = api_pb2.Experiment()
    for name, field in fields_of(TrialSpec).items():
        values = [value for spec in specs if (value := getattr(spec, name)) is not None]
        if values:
            shown = name not in _NOT_SHOWN and len({getattr(spec, name) for spec in specs}) > 1
            column = experiment.hparam_infos.add(name=name, differs=shown, type=_TYPES[field.kind])
            if field.kind in (int, float):
                column.domain_interval.min_value, column.domain_interval.max_value = min(values), max(values)
            else:
                column.domain_discrete.extend(sorted(set(values)))
    for tag in OUTCOMES:
        experiment.metric_infos.add(name=api_pb2.MetricName(tag=tag))
    file = _EventFile(folder)
    file.add(_hparams(metadata.EXPERIMENT_TAG, experiment=experiment))
    file.close()


def _scalars(values: Mapping[str, float]) -> Any:
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])


def _hparams(tag: str, **content: Any) -> Any:
    data = HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content).SerializeToString()
    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=data)
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))])


def write_examples(folder: Path, tag: str, images: npt.NDArray[np.uint8], labels: Sequence[tuple[str, str]]) -> None:
    """One picture of (n, H, W, 3) images in rows of four, each above its (given, true) label; red where they differ."""
    tiles = [_captioned(image, *pair) for image, pair in zip(images, labels, strict=True)]
    width = min(4, len(tiles))
    rows = [np.concatenate(tiles[i : i + width], axis=1) for i in range(0, len(tiles) - width + 1, width)]
    file = _EventFile(folder)
    picture = image_summary(tag, np.concatenate(rows, axis=0), dataformats="HWC")  # type: ignore[no-untyped-call]
    file.add(picture)
    file.close()


def _captioned(image: npt.NDArray[np.uint8], given: str, true: str) -> npt.NDArray[np.uint8]:
    tile = Image.new("RGB", (EXAMPLE_PIXELS + 8, EXAMPLE_PIXELS + 48), "white")
    side = (EXAMPLE_PIXELS, EXAMPLE_PIXELS)
    tile.paste(Image.fromarray(image).resize(side, Image.Resampling.NEAREST), (4, 4))
    draw, font = ImageDraw.Draw(tile), ImageFont.load_default(size=15)
    draw.text((4, EXAMPLE_PIXELS + 6), f"given {given}"[:18], "red" if given != true else "black", font)
    draw.text((4, EXAMPLE_PIXELS + 26), f"true {true}"[:18], "black", font)
    return np.asarray(tile)
