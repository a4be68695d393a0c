"""The data that a spec asks for, in the form that it asks for."""

from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import prepare
from rethink.data.places import DataPlaces
from rethink.data.sources import JpegForm
from rethink.spec import TrialSpec


def prepare_for(spec: TrialSpec, places: DataPlaces) -> PreparedData:
    """The betons of a spec's data set, as `prepare` gives them."""
    form = None if spec.jpeg_quality is None else JpegForm(spec.max_side, spec.jpeg_quality)
    return prepare(spec.dataset, places.data_dir, places.cache_dir, form, places.writing)
