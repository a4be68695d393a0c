"""CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour images of 32 × 32, ten classes; the paper crops them to 28."""

from rethink.data.sources.cifar10.content import PUBLISHED
from rethink.data.sources.cifar10.jpeg import jpeg_source
from rethink.data.sources.cifar10.source import published_source

SOURCE = published_source(PUBLISHED)
JPEG_SOURCE = jpeg_source(PUBLISHED)
