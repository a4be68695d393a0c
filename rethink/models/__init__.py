"""Networks by name. Importing this package registers those of the paper, and imports no torch."""

from rethink.models import built_in
from rethink.models.registry import ModelEntry, build_model, get, names, register

__all__ = ["BUILT_IN", "ModelEntry", "build_model", "built_in", "get", "names", "register"]

BUILT_IN = frozenset(names())  # the tests check the contract of these
