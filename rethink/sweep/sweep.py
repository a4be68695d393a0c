"""A Sweep: an experiment's search space, in variants, as data."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rethink.entry_checks import check_field, check_name
from rethink.errors import SpecError
from rethink.records.halving import SuccessiveHalving
from rethink.spec import LIMITS, TrialSpec, shown
from rethink.spec.text import nearest
from rethink.sweep.recipes import complete

Block = Mapping[str, Any]  # field of TrialSpec -> one value, or a list of values to cross with the others


@dataclass(frozen=True)
class Sweep:
    """What a sweep file declares. A variant is a list of blocks; each block is crossed out, their trials united.

    Args:
        name: Part of a run's name: a text of one line, without /.
        about: One line: what it measures.
        variants: Lists of blocks by name: "default", and any others, such as "smoke". A block gives fields of
            TrialSpec, `protocol` and `replicate` one value each, or a list, tuple or range to cross with the others.
        halving: Which trials are given up; none: every trial trains to its own end.
        figure: Which figure or table it reproduces, for its help.
        took: How long variants took, and on what, by name, for its help ("8 min on two CPUs").

    It is checked by `check_sweep` as it is used, not as it is made.
    """

    name: str
    about: str
    variants: Mapping[str, Sequence[Block]]
    halving: SuccessiveHalving | None = None
    figure: str = ""
    took: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def specs(self, variant: str, overrides: Mapping[str, Sequence[Any]]) -> list[TrialSpec]:
        """The trials of a variant, in the order of its blocks, without repetition.

        A model's settings are its block's: where the blocks are written for several models, an override of `model`
        keeps those of the models that it names.

        Args:
            variant: A name among `variants`.
            overrides: Values by field, which replace that field's in every block.

        Raises:
            SpecError: What `check_sweep` refuses, an unknown variant or field, a model that has no block among several
                models', or a value that no trial can run with.
        """
        check_sweep(self)
        if variant not in self.variants:
            raise SpecError(
                f"unknown variant {variant!r} of {self.name}; choose from {', '.join(self.variants)}"
                f"{nearest(variant, self.variants)}"
            )
        blocks = self.variants[variant]
        fields = dict(overrides)
        if "model" in fields:
            blocks = _of_models(blocks, fields.pop("model"))
        blocks = [{**block, **fields} for block in blocks]
        specs = list(dict.fromkeys(spec for block in blocks for spec in _cross(block)))
        _check_limits(specs)
        return specs


def _check_limits(specs: Sequence[TrialSpec]) -> None:
    """Raise SpecError for two specs that are one trial, given up sooner or later."""
    by_id: dict[str, TrialSpec] = {}
    for spec in specs:
        other = by_id.setdefault(spec.spec_id, spec)
        if other is not spec:
            name = next(name for name in LIMITS if getattr(other, name) != getattr(spec, name))
            raise SpecError(
                f"{name} = {getattr(spec, name)} is not allowed: {spec.name} is already asked for with "
                f"{getattr(other, name)}; limits change no row, so give a trial the greatest alone"
            )


def check_sweep(sweep: Any) -> None:
    """Raise SpecError unless it is a Sweep whose fields have the right form; the values of specs are not checked."""
    if not isinstance(sweep, Sweep):
        raise SpecError(f"{shown(sweep)} is not a sweep: give a Sweep")
    name, halving = sweep.name, sweep.halving
    if not isinstance(name, str) or not name.isprintable() or not name or "/" in name:
        raise SpecError(f"sweep name {shown(name)} is not allowed: a text of one line, without /")
    owner = f"sweep {name!r}"
    check_field(owner, "about", sweep.about, isinstance(sweep.about, str), "a text")
    check_field(owner, "figure", sweep.figure, isinstance(sweep.figure, str), "a text")
    is_told = isinstance(sweep.took, Mapping) and all(isinstance(text, str) for text in sweep.took.values())
    check_field(owner, "took", sweep.took, is_told, "texts by variant")
    fits = halving is None or isinstance(halving, SuccessiveHalving)
    check_field(owner, "halving", halving, fits, "a SuccessiveHalving, or none")
    is_filled = isinstance(sweep.variants, Mapping) and len(sweep.variants) > 0
    check_field(owner, "variants", sweep.variants, is_filled, "lists of blocks by name, such as 'default'")
    for variant, blocks in sweep.variants.items():
        check_name(f"{owner}: variant", variant)
        _check_blocks(f"{owner}: variant {variant!r}", blocks)


def _check_blocks(owner: str, blocks: Any) -> None:
    if not isinstance(blocks, list | tuple):
        raise SpecError(f"{owner} = {shown(blocks)} is not allowed: a list of blocks")
    if not blocks:
        raise SpecError(f"{owner} has no block, so it has no trial")
    for block in blocks:
        if not isinstance(block, Mapping) or not all(isinstance(field, str) for field in block):
            raise SpecError(f"{owner}: block {shown(block)} is not allowed: values by field of TrialSpec")


def _of_models(blocks: Sequence[Block], models: Sequence[str]) -> list[Block]:
    """The blocks for these models: those written for them, or, if all are written for the same, all of them."""
    written = [_values(block.get("model", ())) for block in blocks]
    if all(names == written[0] for names in written):
        return [{**block, "model": models} for block in blocks]
    known = list(dict.fromkeys(name for names in written for name in names))
    for model in models:
        if model not in known:
            raise SpecError(
                f"model = {model!r} is not allowed: the settings here are those of {', '.join(known)}"
                f"{nearest(model, known)}; a sweep of your own takes any model"
            )
    kept = ([name for name in names if name in models] for names in written)
    return [{**block, "model": names} for block, names in zip(blocks, kept, strict=True) if names]


def _cross(block: Block) -> list[TrialSpec]:
    axes = [_values(values) for values in block.values()]
    for name, values in zip(block, axes, strict=True):
        if not values:
            raise SpecError(f"{name} has no value to sweep over")
    return [complete(dict(zip(block, point, strict=True))) for point in itertools.product(*axes)]


def _values(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple | range) else [values]
