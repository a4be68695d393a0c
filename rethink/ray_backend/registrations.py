"""Entries: the registered models and data sets of a run, carried to the processes that have not registered them."""

from collections.abc import Iterable
from dataclasses import dataclass

from ray import cloudpickle

from rethink import models
from rethink.data import sources
from rethink.own_code import own_code
from rethink.spec import TrialSpec


@dataclass(frozen=True)
class Entries:
    """The models and data sets that the specs of a run name. Pickled by value if they come from the main program."""

    models: tuple[models.ModelEntry, ...]
    sources: tuple[sources.ImageSource, ...]

    @classmethod
    def named_by(cls, specs: Iterable[TrialSpec]) -> "Entries":
        """Raise SpecError for a model or data set that this process has not registered."""
        pairs = dict.fromkeys((spec.model, spec.dataset) for spec in specs)
        model_names, source_names = (dict.fromkeys(pair[place] for pair in pairs) for place in (0, 1))
        return cls(tuple(map(models.get, model_names)), tuple(map(sources.get, source_names)))

    def register(self) -> None:
        """Register them in this process, too; names that it knows already stay as they are."""
        for model in self.models:
            if model.name not in models.names():
                models.register(model)
        for source in self.sources:
            if source.name not in sources.names():
                sources.register(source)


def check_carried(entries: Entries) -> None:
    """Raise SpecError for an entry that cannot be pickled for the processes that train."""
    named = [("model", entry.name, entry) for entry in entries.models]
    for kind, name, entry in (*named, *(("data set", entry.name, entry) for entry in entries.sources)):
        with own_code(f"{kind} {name!r}: carrying it to the processes that train"):
            cloudpickle.dumps(entry)
