"""The data that a spec asks for, in the form that it asks for."""

from dataclasses import dataclass, field
from pathlib import Path

from rethink.data.beton import PreparedData, prepare
from rethink.data.sources import JpegForm
from rethink.data.writing import Writing
from rethink.spec import TrialSpec


@dataclass(frozen=True)
class DataPlaces:
    """Where data sets lie on a machine, and how their betons are written there."""

    data_dir: Path | None = None
    cache_dir: Path | None = None
    writing: Writing = field(default_factory=Writing)


def prepare_for(spec: TrialSpec, places: DataPlaces) -> PreparedData:
    """The betons of a spec's data set, as `prepare` gives them."""
    form = None if spec.jpeg_quality is None else JpegForm(spec.max_side, spec.jpeg_quality)
    return prepare(spec.dataset, places.data_dir, places.cache_dir, form, places.writing)
