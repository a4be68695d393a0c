"""The Fisher-Rao norm of a network on its training set, by one pass with derivatives in one direction."""

import copy
import warnings

import torch
import torch.autograd.forward_ad as forward_ad
import torch.nn.functional as F
from torch import nn

from rethink.measures.batches import Batches
from rethink.measures.folding import FoldedNetwork


def fisher_rao(trained: FoldedNetwork, batches: Batches, device: torch.device) -> float:
    """(d + 1)² / m · Σ ⟨v, ∇_v ℓ(f(x), y)⟩² (Jiang et al., eq. 45; Liang et al., arXiv 1711.01530), float32.

    ⟨v, ∇_v ℓ⟩ is the derivative of a sample's loss where all weights and biases v grow by one factor. Forward
    differentiation gives it for a whole batch at once; a gradient a sample would take as many passes as samples.
    """
    network = copy.deepcopy(trained.network).to(device, torch.float32)
    total, samples = torch.zeros((), dtype=torch.float64, device=device), 0
    with torch.no_grad(), forward_ad.dual_level(), warnings.catch_warnings(action="ignore"):  # of torch's own code
        _grow_along_themselves(network)
        for images, labels in batches:
            losses = F.cross_entropy(network(images.to(device)), labels.to(device), reduction="none")
            slopes = forward_ad.unpack_dual(losses).tangent  # type: ignore[no-untyped-call]
            total += slopes.double().square().sum()
            samples += len(labels)
    return (len(trained.layers) + 1) ** 2 * float(total) / samples


def _grow_along_themselves(network: nn.Module) -> None:
    """Give every parameter itself as its tangent."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            value = parameter.detach()
            delattr(module, name)
            dual = forward_ad.make_dual(value, value.clone())  # type: ignore[no-untyped-call]
            setattr(module, name, dual)
