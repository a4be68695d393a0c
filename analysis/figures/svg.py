"""A figure as SVG whose marks show, when pointed at, which trial they stand for."""

import io
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.figure import Figure

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_TITLES = "titles:"
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that XML does not allow


def titles(texts: Sequence[str]) -> str:
    """The `gid` of an artist whose marks, or whose one line, these texts belong to."""
    return _TITLES + quote("\n".join(text.replace("\n", " ") for text in texts))


def to_svg(figure: Figure) -> str:
    """The figure as an SVG document, the same text whenever the figure is the same."""
    return _written(_drawn(figure))


def embedded(figure: Figure, name: str) -> str:
    """The figure's <svg> for a page that holds several: every id begins with this name."""
    root = _drawn(figure)
    for element in root.iter():
        for attribute, value in element.items():
            if attribute == "id":
                element.set(attribute, f"{name}-{value}")
            elif attribute in ("href", f"{{{_XLINK}}}href"):
                element.set(attribute, value.replace("#", f"#{name}-", 1))
            else:
                element.set(attribute, value.replace("url(#", f"url(#{name}-"))
    return _written(root)


def _drawn(figure: Figure) -> ElementTree.Element:
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "rethink"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    keep_comments = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))  # they hold the texts
    root = ElementTree.fromstring(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", file.getvalue()), keep_comments)
    for group in root.iter(f"{{{_SVG}}}g"):
        name = group.attrib.pop("id", "")  # matplotlib's names of groups, which nothing refers to
        if name.startswith(_TITLES):
            _add_titles(group, unquote(name.removeprefix(_TITLES)).split("\n"))
    return root


def _written(root: ElementTree.Element) -> str:
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_titles(group: ElementTree.Element, texts: Sequence[str]) -> None:
    marks = list(group.iter(f"{{{_SVG}}}use")) or [group]
    for mark, text in zip(marks, texts, strict=True):
        title = ElementTree.Element(f"{{{_SVG}}}title")
        title.text = _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
        mark.insert(0, title)
