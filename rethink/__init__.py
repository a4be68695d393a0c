"""Sweeps over corrupted data that separate networks that generalize from networks that memorize."""

__version__ = "0.1.0"
