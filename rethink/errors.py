"""Errors that a user can act on: each is one line that names the value and the choices, or says what to do."""


class RethinkError(ValueError):
    """Any of these. The command line says it in one line and ends with exit status 2; a caller may catch it.

    Args:
        message: The line, such as "seed = -1 is not allowed: from 0 to 4294967295".

    A file that the system cannot read or write raises OSError instead, which ends a command in the same way.
    """


class SpecError(RethinkError):
    """A value that a trial, sweep or command cannot work with."""


class DataError(RethinkError):
    """A data set that is missing, damaged or unfit."""


class RunError(RethinkError):
    """A run whose files are damaged or missing, or are another run's."""


class EndedEarly(RunError):
    """The sweep ends before its last trial, as the user asked for."""


class ClusterError(RethinkError):
    """A Ray that cannot be started or joined, or a machine of it that cannot run trials."""


class QueryError(RethinkError):
    """A query that is not a single SELECT, cannot be answered, or needs too much time or memory."""
