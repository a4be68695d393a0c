"""Run directories in; tidy frames, statistics, tables and figures out. Imports no torch, no ray, no ffcv."""
