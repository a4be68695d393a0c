"""Networks of the paper, by name. Importing this package registers all of them."""

from rethink.models import alexnet_small, inception_small, mlp, wide_resnet
from rethink.models.registry import ModelEntry, build_model, get, names, register

__all__ = [
    "ModelEntry",
    "alexnet_small",
    "build_model",
    "get",
    "inception_small",
    "mlp",
    "names",
    "register",
    "wide_resnet",
]
