"""The data that a spec asks for, in the form that it asks for."""

from rethink.data.betons import prepare as betons
from rethink.data.betons.beton import PreparedData
from rethink.data.places import DataPlaces
from rethink.data.sources import JpegForm
from rethink.spec import TrialSpec


def prepare_for(spec: TrialSpec, places: DataPlaces) -> PreparedData:
    """The betons of a spec's data set, as `prepare` gives them."""
    return betons.prepare(spec.dataset, places.data_dir, places.cache_dir, _form(spec), places.writing)


def is_prepared_for(spec: TrialSpec, places: DataPlaces) -> bool:
    """Whether `prepare_for` would find them there."""
    return betons.is_prepared(spec.dataset, places.data_dir, places.cache_dir, _form(spec))


def _form(spec: TrialSpec) -> JpegForm | None:
    return None if spec.jpeg_quality is None else JpegForm(spec.max_side, spec.jpeg_quality)
