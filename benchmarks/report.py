"""The results as a Markdown page: every number with n, spread and goal, and what was missed at the top."""

from textwrap import fill
from typing import Any

LINE_LENGTH = 120


def to_markdown(results: dict[str, Any]) -> str:
    """`results` as `__main__` writes them to results.json."""
    machine = results["machine"]
    measured = [m for benchmark in results["benchmarks"] for m in benchmark["measurements"]]
    missed = [m["what"] for m in measured if m["met"] is False]
    with_goal = sum(m["met"] is not None for m in measured)
    failed = [benchmark["name"] for benchmark in results["benchmarks"] if benchmark["failed"]]
    lines = [
        "# Benchmarks",
        "",
        _wrapped(
            f"`python -m benchmarks{' --quick' if results['quick'] else ''}`, {machine['date']}: {machine['cpu']}, "
            f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}; "
            f"1-minute load at the start {machine['load_at_start']:.2f}."
        ),
        "",
        _wrapped(", ".join(f"{name} {version}" for name, version in machine["versions"].items()) + "."),
        "",
        f"Goals met: {with_goal - len(missed)} of {with_goal}.",
        *[f"* Missed: {what}" for what in missed],
        *[f"* Did not finish: {name}" for name in failed],
        "",
        "Values are medians [quartiles]. One sample has no quartiles.",
    ]
    for benchmark in results["benchmarks"]:
        lines += ["", *_section(benchmark)]
    return "\n".join(lines) + "\n"


def _section(benchmark: dict[str, Any]) -> list[str]:
    lines = [f"## {benchmark['name']}", "", benchmark["about"], ""]
    if benchmark["failed"]:
        return [*lines, "**Did not finish**: no numbers."]
    return [*lines, *map(_entry, benchmark["measurements"])]


def _entry(m: dict[str, Any]) -> str:
    spread = "" if m["quartiles"] is None else " [{:.4g}, {:.4g}]".format(*m["quartiles"])
    verdict = {None: "", True: f"; goal {m['goal']}: met", False: f"; goal {m['goal']}: **missed**"}[m["met"]]
    note = f" ({m['note']})" if m["note"] else ""
    return _wrapped(f"* {m['what']}: {m['median']:.4g} {m['unit']}{spread}, n = {m['n']}{verdict}{note}", indent="  ")


def _wrapped(text: str, indent: str = "") -> str:
    return fill(text, LINE_LENGTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
