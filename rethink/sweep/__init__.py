"""What a sweep is: its blocks of trials, axes that are searched, and which trials are given up."""

from rethink.records.halving import SuccessiveHalving
from rethink.sweep.random_search import log_uniform
from rethink.sweep.sweep import Sweep

__all__ = ["SuccessiveHalving", "Sweep", "log_uniform"]
