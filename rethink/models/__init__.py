"""Networks of the paper, by name. Importing this package registers all of them."""

from rethink.models import alexnet, alexnet_small, inception_small, inception_v3, mlp, wide_resnet
from rethink.models.registry import ModelEntry, build_model, get, names, register

__all__ = [
    "BUILT_IN",
    "ModelEntry",
    "alexnet",
    "alexnet_small",
    "build_model",
    "get",
    "inception_small",
    "inception_v3",
    "mlp",
    "names",
    "register",
    "wide_resnet",
]

BUILT_IN = frozenset(names())  # the tests check the contract of these
