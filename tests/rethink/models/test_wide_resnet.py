"""Wide ResNet: published parameter counts, allowed depths, block structure and initialization."""

import math

import pytest
import torch
from torch import nn

from rethink.errors import SpecError
from rethink.models.wide_resnet import Block, WideResNet
from rethink.sweep.recipes import complete


def counted_by_hand(depth, width, classes=10):
    """Table 1 of the paper: 3×3 convolutions without bias, BatchNorm with scale and shift, 1×1 projections."""
    total, before = 3 * 9 * 16, 16
    for after in (16 * width, 32 * width, 64 * width):
        projection = before * after if before != after else 0
        total += 9 * before * after + 9 * after**2 + projection + 2 * before + 2 * after
        total += ((depth - 4) // 6 - 1) * (18 * after**2 + 4 * after)
        before = after
    return total + 2 * before + before * classes + classes


@pytest.mark.parametrize(
    ("depth", "width", "exact", "published_millions"),
    # Published: arXiv 1605.07146, Tables 4 and 5, in millions. WRN-28-1 is not in them.
    [(28, 10, 36_479_194, 36.5), (40, 4, 8_949_210, 8.9), (28, 1, 369_498, None)],
)
def test_parameters_are_the_published_ones(depth, width, exact, published_millions):
    with torch.device("meta"):
        model = WideResNet(3, 10, depth, width)
    assert sum(p.numel() for p in model.parameters()) == counted_by_hand(depth, width) == exact
    assert published_millions is None or round(exact / 1e6, 1) == published_millions


@pytest.mark.parametrize("depth", [1, 4, 9, 12, 27, 29])
def test_other_depths_are_refused(depth):
    with pytest.raises(SpecError, match=rf"depth = {depth} is not allowed: wide_resnet needs 6n \+ 4"):
        complete({"model": "wide_resnet", "depth": depth})


def test_depth_counts_the_convolutions():
    """The 6n + 1 convolutions of 3×3 and, for a width above 1, one projection in each of the three groups."""
    convolutions = [m for m in WideResNet(3, 10, depth=16, width=2).modules() if isinstance(m, nn.Conv2d)]
    assert [m.kernel_size for m in convolutions].count((3, 3)) == 16 - 3
    assert [m.kernel_size for m in convolutions].count((1, 1)) == 3


def test_groups_halve_the_image_twice():
    sizes, x = [], torch.zeros(2, 3, 28, 28)
    for layer in WideResNet(3, 10, depth=10, width=2):
        x = layer(x)
        if isinstance(layer, Block):
            sizes.append(tuple(x.shape[1:]))
    assert sizes == [(32, 28, 28), (64, 14, 14), (128, 7, 7)]


@pytest.mark.parametrize(("inputs", "filters", "stride"), [(4, 4, 1), (4, 6, 2)])
def test_a_block_is_pre_activated(inputs, filters, stride):
    """Against the formula of the authors' code, with an identity shortcut and with a projection."""
    block, x = Block(inputs, filters, stride, dropout=0.0).eval(), torch.randn(2, inputs, 6, 6)
    for norm in (block.activation[0], block.residual[1]):
        nn.init.uniform_(norm.running_mean, -1, 1)
        nn.init.uniform_(norm.bias, -1, 1)

    def activated(norm, z):
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return ((z - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]).clamp(min=0)

    first = activated(block.activation[0], x)
    second = nn.functional.conv2d(first, block.residual[0].weight, stride=stride, padding=1)
    residual = nn.functional.conv2d(activated(block.residual[1], second), block.residual[-1].weight, padding=1)
    identity = inputs == filters
    skipped = x if identity else nn.functional.conv2d(first, block.shortcut.weight, stride=stride)
    torch.testing.assert_close(block(x), residual + skipped, rtol=1e-4, atol=1e-5)


def test_dropout_stands_between_the_convolutions_of_every_block():
    model = WideResNet(3, 10, depth=16, width=1, dropout=0.3)
    blocks = [layer for layer in model if isinstance(layer, Block)]
    for block in blocks:
        assert [type(m) for m in block.residual] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Dropout, nn.Conv2d]
    assert sum(isinstance(m, nn.Dropout) for m in model.modules()) == len(blocks) == 6


def test_convolutions_start_as_he_et_al():
    torch.manual_seed(0)
    for conv in (m for m in WideResNet(3, 10, depth=10, width=4).modules() if isinstance(m, nn.Conv2d)):
        expected = math.sqrt(2 / (conv.out_channels * math.prod(conv.kernel_size)))
        assert abs(conv.weight.std().item() / expected - 1) < 0.1
        assert abs(conv.weight.mean().item()) < 0.1 * expected
