"""Sweeps as data: blocks of trials, axes that are searched, and the rule that gives trials up."""

from rethink.records.halving import SuccessiveHalving
from rethink.sweep.random_search import log_uniform
from rethink.sweep.sweep import Sweep

__all__ = ["SuccessiveHalving", "Sweep", "log_uniform"]
