"""The results as a Markdown page: every number with n, spread and goal, and what was missed at the top."""

from typing import Any


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
        f"`python -m benchmarks{' --quick' if results['quick'] else ''}`, {machine['date']}: {machine['cpu']}, "
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}; "
        f"1-minute load at the start {machine['load_at_start']:.2f}.",
        "",
        ", ".join(f"{name} {version}" for name, version in machine["versions"].items()) + ".",
        "",
        f"Goals met: {with_goal - len(missed)} of {with_goal}.",
        *[f"- Missed: {what}" for what in missed],
        *[f"- Did not finish: {name}" for name in failed],
        "",
        "Values are medians; the spread is the quartiles. One sample has no spread.",
    ]
    for benchmark in results["benchmarks"]:
        lines += ["", *_section(benchmark)]
    return "\n".join(lines) + "\n"


def _section(benchmark: dict[str, Any]) -> list[str]:
    lines = [f"## {benchmark['name']}", "", benchmark["about"], ""]
    if benchmark["failed"]:
        return [*lines, "**Did not finish**: no numbers."]
    lines += ["| what | median | spread | n | goal | | how |", "|---|---:|---|---:|---|---|---|"]
    return [*lines, *map(_row, benchmark["measurements"])]


def _row(m: dict[str, Any]) -> str:
    spread = "-" if m["quartiles"] is None else " ... ".join(f"{value:.4g}" for value in m["quartiles"])
    verdict = {None: "", True: "met", False: "**missed**"}[m["met"]]
    cells = (m["what"], f"{m['median']:.4g} {m['unit']}", spread, m["n"], m["goal"] or "", verdict, m["note"])
    return f"| {' | '.join(map(str, cells))} |"
