"""Side-by-side measurements of the product's speed, each beside its goal. `python -m benchmarks` runs them all.

Each also runs alone, from the checkout: `python -m benchmarks.NAME [--quick]`.
"""
