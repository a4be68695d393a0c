"""A table of texts, for Markdown, for the report and for a terminal."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MARKUP = re.compile(r"\||<(?=[A-Za-z/!?])|\](?=\()")


@dataclass(frozen=True)
class Table:
    """Its title, a sentence about it (such as where published numbers come from), and its rows."""

    title: str
    about: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def to_markdown(self) -> str:
        """A section of a Markdown document."""
        lines = [[plain(cell) for cell in line] for line in (self.head, *self.rows)]
        lines.insert(1, ["---"] * len(self.head))
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"## {self.title}\n\n{self.about}\n\n{table}"

    def to_text(self) -> str:
        """The head and the rows, aligned, for a terminal."""
        return "\n".join(aligned([self.head, *self.rows]))


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines whose cells stand below each other."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return [line.rstrip() for line in padded]


def plain(text: str) -> str:
    """A text that Markdown shows as it is: no cell's end, no HTML, no link."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
