"""Data files that come with the package, beside the scripts that made them."""
