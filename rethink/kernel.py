"""kernel: compiles a function over arrays once per machine; the Python interpreter is free while it runs."""

import numba

from rethink.files.user_cache import kernel_cache

_cache = kernel_cache()
numba.config.CACHE_DIR = str(_cache or "")
kernel = numba.njit(cache=_cache is not None, nogil=True)
