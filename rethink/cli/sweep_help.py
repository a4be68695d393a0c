"""What a sweep's help says of it: its figure, its variants with trials and time, its defaults, and examples."""

from collections.abc import Mapping

from rethink.cli.one_line import filled
from rethink.cli.option_groups import SPEC_GROUPS
from rethink.errors import RethinkError
from rethink.spec import TrialSpec
from rethink.spec.text import number_text
from rethink.sweep.sweep import Sweep

MOST_VALUES = 6  # of a field that are listed one by one


def description(sweep: Sweep) -> str:
    """What it measures, which figure it reproduces, and what it runs without a variant's option."""
    figure = [f"Reproduces {sweep.figure}."] if sweep.figure else []
    return "\n".join(filled([sweep.about, *figure, f"Default: {variant_text(sweep, 'default')}."]))


def variant_text(sweep: Sweep, variant: str) -> str:
    """How many trials a variant has, and how long it took."""
    try:
        count = len(sweep.specs(variant, {}))
    except RethinkError as error:  # a data set or model of one's own that is not registered
        return f"it cannot run: {error}"
    took = sweep.took.get(variant)
    return f"{count:,} {'trial' if count == 1 else 'trials'}" + (f", {took}" if took else "")


def defaults_of(sweep: Sweep) -> Mapping[str, str]:
    """The values of each field in the default variant, as text; nothing if it cannot run."""
    specs = _specs(sweep)
    names = (name for values in SPEC_GROUPS.values() for name in values)
    return {name: _values_text([getattr(spec, name) for spec in specs]) for name in names if specs}


def examples(sweep: Sweep, command: str) -> str:
    """Three commands to begin with."""
    specs = _specs(sweep)
    model = specs[0].model if specs else "mlp_1x512"
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


def _specs(sweep: Sweep) -> list[TrialSpec]:
    try:
        return sweep.specs("default", {})
    except RethinkError:
        return []


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
