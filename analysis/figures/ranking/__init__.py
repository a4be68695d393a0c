"""Figures of complexity measures: each against the gap, and how well each orders it."""
