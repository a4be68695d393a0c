"""Errors that a user can act on: each is one line that names the value and the choices, or says what to do."""


class RethinkError(ValueError):
    """Base of these errors: the command line prints one line and ends with exit status 2."""


class SpecError(RethinkError):
    """A value that a trial, sweep or command cannot work with."""


class DataError(RethinkError):
    """A data set that is missing, damaged or unfit."""


class RunError(RethinkError):
    """A run whose files are damaged or missing, or are another run's."""


class ClusterError(RethinkError):
    """A Ray that cannot be started or joined, or a machine of it that cannot run trials."""


class QueryError(RethinkError):
    """A query that is not a single SELECT, cannot be answered, or needs too much time or memory."""
