"""FFCV's C functions alone, without FFCV's Python: importing that takes seconds and 300 MB, for torch and numba."""

import ctypes
import importlib.util
from ctypes import c_bool, c_int64, c_uint32, c_uint64, c_void_p
from pathlib import Path

__all__ = ["decode_jpeg", "resize_crop"]


def _library() -> Path:
    ffcv = importlib.util.find_spec("ffcv")  # finds it without importing it
    assert ffcv is not None, "ffcv is a dependency of this package"
    (path,) = (path for folder in ffcv.submodule_search_locations or [] for path in Path(folder).glob("_libffcv*.so"))
    return path


_functions = ctypes.CDLL(str(_library()))

# (source, bytes, rows, columns, target, crop's rows, its columns, left, top, scale's numerator, its denominator, crop?,
# mirror?) -> 0; anything else: libjpeg-turbo complained.
decode_jpeg = _functions.imdecode
decode_jpeg.argtypes = [c_void_p, c_uint64, *[c_uint32] * 2, c_void_p, *[c_uint32] * 6, *[c_bool] * 2]

# (0, source, rows, columns, first row, end row, first column, end column, target, its rows, its columns), by OpenCV's
# INTER_AREA
resize_crop = _functions.resize
resize_crop.argtypes = [c_int64] * 11
