"""Side-by-side measurements of the product's speed, each beside its goal. `python -m benchmarks` runs them all.

Every script also runs alone, as `python benchmarks/NAME.py [--quick]`, and imports its siblings as scripts do.
"""
