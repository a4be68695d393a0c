"""What a machine must have before a trial runs on it: the run directory, and the code that the run was started with."""

import socket
from collections.abc import Mapping
from pathlib import Path

from rethink.errors import ClusterError
from rethink.records.provenance import versions


def check_node(seen: Path, wanted: Mapping[str, str]) -> None:
    """Raise ClusterError, naming this machine, if it does not see that file or has other code or packages.

    A trial that continued with other code would give rows that no single version of the code can repeat.
    """
    machine = socket.gethostname()
    if not seen.exists():
        raise ClusterError(
            f"{machine} does not see {seen.parent}: a cluster needs --storage (or RETHINK_STORAGE) in a folder that "
            "every machine shares"
        )
    here = versions()
    compared = wanted.keys() - {"rethink"}  # its commit: different commits may have the same code
    differing = [name for name in sorted(compared) if here.get(name) != wanted[name]]
    if differing:
        differences = "; ".join(f"{name} {here.get(name)}, not {wanted[name]}" for name in differing)
        raise ClusterError(f"{machine} has {differences}: every machine of a run needs the same (`ray up` again)")
