"""DataStore: the data sets that a process has open, shared by its trials."""

import torch

from rethink.data.betons.beton import PreparedData
from rethink.data.for_spec import prepare_for
from rethink.data.spec_checks import check_same_data
from rethink.data.trial_data import StreamPool
from rethink.spec import TrialSpec
from rethink.trial.memory import bytes_of_a_trial
from rethink.trial.settings import TrialSettings


class DataStore:
    """The data of one process: every data set is prepared once, and every beton has one stream."""

    def __init__(self, settings: TrialSettings) -> None:
        self._settings = settings
        self._prepared: dict[str, PreparedData] = {}
        self.streams = StreamPool(
            read_ahead=settings.device != "cpu",
            readers=settings.threads,
            os_cache=settings.os_cache,
            device=torch.device(settings.device),
            resident_bytes=bytes_of_a_trial(settings),
        )

    def prepared(self, spec: TrialSpec) -> PreparedData:
        """The betons of a spec on this node. Raises SpecError if they are not what the run was started with."""
        if spec.stored_data not in self._prepared:
            prepared = prepare_for(spec, self._settings.places)
            check_same_data(prepared, self._settings.data_sha256[spec.stored_data], self._settings.run)
            self._prepared[spec.stored_data] = prepared
        return self._prepared[spec.stored_data]
