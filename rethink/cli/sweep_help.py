"""What a sweep's help says of it: its figure, its variants with trials and time, its defaults, and examples."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rethink.cli.option_groups import SPEC_GROUPS
from rethink.errors import RethinkError
from rethink.spec import TrialSpec
from rethink.spec.text import number_text
from rethink.sweep.sweep import Sweep

MOST_VALUES = 6  # of a field that are listed one by one


@dataclass(frozen=True)
class SweepHelp:
    """The texts of a sweep's help. To make them takes every spec of every variant, so they are made if asked for.

    Args:
        description: What it measures, which figure it reproduces, and what it runs by default.
        examples: Three commands to begin with.
        variants: How many trials a variant has, and how long it took, by its name.
        defaults: The values of each field in the default variant.
    """

    description: str = ""
    examples: str = ""
    variants: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)


def help_of(sweep: Sweep, command: str) -> SweepHelp:
    """The help of a sweep that `command` runs."""
    specs = {variant: _specs(sweep, variant) for variant in sweep.variants}
    counts = {variant: _count_text(found, sweep.took.get(variant)) for variant, found in specs.items()}
    default = specs.get("default", "it has no such variant")
    known = [] if isinstance(default, str) else default
    names = (name for values in SPEC_GROUPS.values() for name in values)
    figure = [f"Reproduces {sweep.figure}."] if sweep.figure else []
    return SweepHelp(
        "\n".join([sweep.about, *figure, f"Default: {counts.get('default', default)}."]),
        _examples(sweep, command, known[0].model if known else "mlp_1x512"),
        counts,
        {name: _values_text([getattr(spec, name) for spec in known]) for name in names if known},
    )


def _specs(sweep: Sweep, variant: str) -> list[TrialSpec] | str:
    """The variant's trials, or why it cannot run: a data set or model of one's own that is not registered."""
    try:
        return sweep.specs(variant, {})
    except RethinkError as error:
        return f"it cannot run: {error}"


def _count_text(specs: list[TrialSpec] | str, took: str | None) -> str:
    if isinstance(specs, str):
        return specs
    count = f"{len(specs):,} {'trial' if len(specs) == 1 else 'trials'}"
    return f"{count}, {took}" if took else count


def _examples(sweep: Sweep, command: str, model: str) -> str:
    first = [f"{command} --smoke"] if "smoke" in sweep.variants else []
    on_cifar = [f"{command} --cifar10 --data-dir ~/cifar10"] if "cifar10" in sweep.variants else []
    lines = [
        *first,
        f"{command} --model {model} --label-corruption 0 1",
        *on_cifar,
        f"{command} --replicate 0 1 2 --name mine",
        f"{command} --train-samples 500 1000 2000",
    ]
    return "examples:\n" + "\n".join(f"  {line}" for line in lines[:3])


def _values_text(values: list[object]) -> str:
    texts = list(dict.fromkeys(_value_text(value) for value in values))
    if len(texts) > MOST_VALUES:
        return f"{texts[0]} ... {texts[-1]}, {len(texts)} values"
    return " ".join(texts)


def _value_text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return number_text(value) if isinstance(value, float) else str(value)
