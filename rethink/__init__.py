"""Sweeps over corrupted data that separate networks that generalize from networks that memorize."""

from rethink.own_code import tell_uncaught
from rethink.own_packages import claim

__version__ = "0.1.0"

claim()
tell_uncaught()
