"""Registry: entries by name, such as models and data sets; users add their own."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from rethink.entry_checks import check_name
from rethink.errors import SpecError
from rethink.spec.text import nearest, shown


class Named(Protocol):
    """What can be registered."""

    @property
    def name(self) -> str: ...


Entry = TypeVar("Entry", bound=Named)


class Registry(Generic[Entry]):
    """The entries of one kind.

    Args:
        what: What an entry is, in messages ("model").
        kind: The class of every entry.
        check_fields: Raises SpecError for an entry whose fields are not what they should be.
    """

    def __init__(self, what: str, kind: type[Entry], check_fields: Callable[[Entry], None]) -> None:
        self._what, self._kind, self._check_fields = what, kind, check_fields
        self._entries: dict[str, Entry] = {}

    def register(self, entry: Entry) -> None:
        """Make an entry known by its name, to specs and in lists of choices.

        Args:
            entry: An instance of this registry's class: a ModelEntry, or an ImageSource.

        Raises:
            SpecError: It is of another class, or its name is unfit or taken.
        """
        if not isinstance(entry, self._kind):
            raise SpecError(f"{shown(entry)} is not a {self._what}: register takes {_a(self._kind.__name__)}")
        check_name(self._what, entry.name)
        if entry.name in self._entries:
            raise SpecError(f"{self._what} {entry.name!r} is already registered; choose another name")
        self._entries[entry.name] = entry

    def get(self, name: Any) -> Entry:
        """The entry of that name.

        Raises:
            SpecError: There is none, and these are the choices; or its fields are not what they should be.
        """
        if not isinstance(name, str) or name not in self._entries:
            known = f"choose from {', '.join(self.names())}{nearest(name, self.names())}"
            raise SpecError(f"unknown {self._what} {shown(name)}; {known}")
        self._check_fields(self._entries[name])
        return self._entries[name]

    def names(self) -> tuple[str, ...]:
        """The known names, in alphabetical order."""
        return tuple(sorted(self._entries))


def _a(name: str) -> str:
    return f"an {name}" if name[0] in "AEIOU" else f"a {name}"
