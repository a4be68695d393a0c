"""The command line: `main` is the `rethink` command, `run_sweep` that of a sweep file."""

from rethink.cli.command_line import main
from rethink.cli.run_commands import run_sweep

__all__ = ["main", "run_sweep"]
