"""Image sources: where the images of a data set come from. Importing this registers the built-in ones."""

from rethink.data.sources import cifar10, fashion_mnist, fashion_mnist_mini, image_folder, imagenet
from rethink.data.sources.contract.image_data import ArraySplit, FileSplit, ImageData, JpegForm, Split
from rethink.data.sources.contract.registry import (
    ImageSource,
    check_data_dir,
    fingerprint,
    get,
    names,
    open_data,
    register,
)
from rethink.errors import DataError

__all__ = [
    "ArraySplit",
    "DataError",
    "FileSplit",
    "ImageData",
    "ImageSource",
    "JpegForm",
    "Split",
    "check_data_dir",
    "fingerprint",
    "get",
    "names",
    "open_data",
    "register",
]

for _module in (fashion_mnist_mini, fashion_mnist, cifar10, image_folder, imagenet):
    register(_module.SOURCE)
register(cifar10.JPEG_SOURCE)
