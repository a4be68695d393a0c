"""`python -m rethink` is the `rethink` command."""

from rethink.cli.command_line import main

if __name__ == "__main__":
    raise SystemExit(main())
