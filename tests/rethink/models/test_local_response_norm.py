"""The fast local response normalization equals torch's."""

import pytest
import torch
from torch import nn

from rethink.models.layers import LocalResponseNorm


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("channels", "size"), [(64, 9), (7, 5), (2, 5), (3, 1)])
def test_equals_torch_forward_and_backward(channels, size, memory_format):
    x = (torch.randn(3, channels, 5, 4, dtype=torch.float64) * 3).contiguous(memory_format=memory_format)
    ours = LocalResponseNorm(channels, size, alpha=0.7, k=1.5).double()
    peer = nn.LocalResponseNorm(size, alpha=0.7, beta=0.75, k=1.5)
    weights, results = torch.randn_like(x), []
    for norm in (ours, peer):
        leaf = x.clone().requires_grad_()
        y = norm(leaf)
        results.append((y.detach(), *torch.autograd.grad((y * weights).sum(), leaf)))
    for ours_value, peer_value in zip(*results, strict=True):
        torch.testing.assert_close(ours_value, peer_value, rtol=1e-6, atol=1e-7)  # the band is made in fp32


def test_holds_nothing_to_save():
    assert not LocalResponseNorm(8, 5, alpha=1.0, k=1.0).state_dict()
