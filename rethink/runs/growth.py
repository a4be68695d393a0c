"""A run that grows: the same sweep, started into its directory once more, adds the trials that are missing."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from rethink.data.betons.beton import PreparedData
from rethink.data.spec_checks import check_same_data
from rethink.errors import RunError, SpecError
from rethink.files.log_file import LOGGER
from rethink.records.provenance import command, versions
from rethink.records.run_directory import RunDirectory
from rethink.records.run_record import Addition, RunRecord
from rethink.run_options import RunOptions
from rethink.runs.labels.examples import write_label_examples
from rethink.runs.labels.facts import label_facts
from rethink.runs.preparation import described
from rethink.spec import TrialSpec
from rethink.sweep.sweep import Sweep
from rethink.trial.tensorboard import write_hyperparameters

_AT_A_LIMIT = ("max_epochs", "max_steps", "contradiction")


@dataclass(frozen=True)
class Growth:
    """What one more start of a sweep adds to its run.

    Args:
        run: The run that is there.
        record: What its run.json says so far.
        variant: Which variant of the sweep was started.
        options: Where and how the trials run from now on.
        specs: The trials that were asked for, with the greater of their old and new limits.
        added: Those of them that the run did not have.
        raised: Those that it had with a lower limit.
    """

    run: RunDirectory
    record: RunRecord
    variant: str
    options: RunOptions
    specs: tuple[TrialSpec, ...]
    added: tuple[TrialSpec, ...]
    raised: tuple[TrialSpec, ...]

    @classmethod
    def of(
        cls, run: RunDirectory, sweep: Sweep, variant: str, asked: Sequence[TrialSpec], options: RunOptions
    ) -> "Growth":
        """Compare what is asked for with what is there.

        Raises:
            SpecError: The run is another sweep's, or ranks its trials against each other.
            RunError: It is damaged, or was made by other code and `other_code` is off.
        """
        record = run.read_run()
        if record.sweep != sweep.name:
            raise SpecError(f"{run.root} is a run of {record.sweep!r}, not of {sweep.name!r}; choose another --name")
        if record.halving is not None or sweep.halving is not None:
            raise SpecError(
                f"{run.root} cannot grow: successive halving ranks the trials that it began with; choose another --name"
            )
        known = {spec.spec_id: spec for spec in record.specs}
        specs = [with_greater_limits(spec, known.get(spec.spec_id, spec)) for spec in asked]
        added = tuple(spec for spec in specs if spec.spec_id not in known)
        raised = tuple(spec for spec in specs if spec.spec_id in known and spec != known[spec.spec_id])
        if added or raised:
            _check_code(run, record, options)
        return cls(run, record, variant, options, tuple(specs), added, raised)

    def write(self, prepared: Mapping[str, PreparedData]) -> None:
        """Write the new run.json, if there is anything to add. Raises SpecError for other data than the run's."""
        self.check_data(prepared)
        changed = self.added + self.raised
        if not changed:
            return
        if self.run.read_run() != self.record:
            raise RunError(f"{self.run.root} has changed meanwhile: another process added to it; start again")
        outcomes, _ = self.run.read_outcomes()
        for spec in self.raised:
            outcome = outcomes.get(spec.spec_id)
            if outcome is not None and outcome.stop_reason in _AT_A_LIMIT:
                self.run.record_outcome(spec.spec_id, "unfinished", outcome.epoch)
        write_label_examples(self.run, self.added, prepared)
        specs = self.united()
        write_hyperparameters(self.run.tensorboard / "examples", specs)
        addition = Addition(
            variant=self.variant,
            command=command(),
            created=datetime.now(UTC).replace(microsecond=0),
            versions=versions(),
            options=self.options,
            specs=tuple(spec.spec_id for spec in changed),
        )
        data = {name: described(own) for name, own in prepared.items()}
        labels = label_facts(self.added, prepared)
        self.run.grow(
            msgspec.structs.replace(
                self.record,
                specs=specs,
                data={**self.record.data, **data},
                labels={**self.record.labels, **labels},
                additions=(*self.record.additions, addition),
            )
        )
        LOGGER.info("the run grows: %d trials added, %d with a higher limit", len(self.added), len(self.raised))

    def check_data(self, prepared: Mapping[str, PreparedData]) -> None:
        """Raise SpecError for other data than the run's."""
        for name in self.record.data.keys() & prepared.keys():
            check_same_data(prepared[name], self.record.data[name].content_sha256, self.run.root)

    def lines(self) -> list[str]:
        """What is there and what is added, for the user."""
        raised = f"; with a higher limit: {len(self.raised):,}" if self.raised else ""
        return [f"in the run   {len(self.record.specs):,} trials; added: {len(self.added):,}{raised}"]

    def united(self) -> tuple[TrialSpec, ...]:
        """The trials of the run with those that are added, in that order."""
        by_id = {spec.spec_id: spec for spec in (*self.record.specs, *self.added, *self.raised)}
        return tuple(by_id.values())


def with_greater_limits(spec: TrialSpec, other: TrialSpec) -> TrialSpec:
    """The spec with the greater limits of the two, which differ in nothing else: a limit is never lowered."""
    steps = (spec.max_steps, other.max_steps)
    return dataclasses.replace(
        spec,
        max_epochs=max(spec.max_epochs, other.max_epochs),
        max_steps=None if None in steps else max(step for step in steps if step is not None),
    )


def _check_code(run: RunDirectory, record: RunRecord, options: RunOptions) -> None:
    """Raise RunError where trials of two versions of the code would be mixed without a word of the user."""
    theirs, ours = record.starts[-1].versions, versions()
    if theirs.get("code") != ours["code"] and not options.other_code:
        raise RunError(
            f"{run.root} was made by other code ({theirs.get('rethink', '?')}, here {ours['rethink']}); add "
            "--other-code to mix their trials, or choose another --name"
        )
