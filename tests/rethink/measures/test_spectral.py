"""Spectral norms against NumPy's singular values, of explicit matrices of whole convolutions too."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rethink.measures.folding import Layer
from rethink.measures.spectral import convolution_norm, matrix_norm


def weight(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (1, 7), (4, 3, 3, 3)])
def test_of_a_matrix(shape: tuple[int, ...]) -> None:
    matrix = weight(*shape)
    expected = np.linalg.svd(matrix.numpy().reshape(shape[0], -1), compute_uv=False)[0]
    assert math.isclose(matrix_norm(matrix), expected, rel_tol=1e-13)


def test_of_a_diagonal_and_of_nothing() -> None:
    assert matrix_norm(torch.tensor([1.0, -3.0, 2.0], dtype=torch.float64)) == 3
    assert matrix_norm(torch.zeros(3, 4, dtype=torch.float64)) == 0


def explicit_norm(kernel: Tensor, height: int, width: int, dilation: int = 1) -> float:
    """By the whole matrix of a convolution whose edges meet, one output pixel a row."""
    outputs, inputs, *sides = kernel.shape
    matrix = np.zeros((outputs, height, width, inputs, height, width))
    for row, column, up, left in np.ndindex(height, width, *sides):
        place = (row + dilation * up) % height, (column + dilation * left) % width
        matrix[:, row, column, :, place[0], place[1]] += kernel[:, :, up, left].numpy()
    size = height * width
    norm: float = np.linalg.svd(matrix.reshape(outputs * size, inputs * size), compute_uv=False)[0]
    return norm


@pytest.mark.parametrize(
    ("channels", "kernel", "grid"),
    [
        ((4, 3), (3, 3), (6, 5)),
        ((3, 4), (3, 3), (5, 6)),
        ((2, 2), (1, 1), (4, 4)),
        ((3, 3), (1, 3), (5, 4)),
        ((3, 2), (5, 5), (3, 2)),  # larger than the grid
        ((2, 3), (2, 4), (7, 7)),
    ],
)
def test_of_a_convolution(channels: tuple[int, int], kernel: tuple[int, int], grid: tuple[int, int]) -> None:
    own = weight(*channels, *kernel)
    layer = Layer(nn.Conv2d(channels[1], channels[0], kernel), grid)
    assert math.isclose(convolution_norm(layer, own), explicit_norm(own, *grid), rel_tol=1e-12)


def test_a_convolution_does_what_its_matrix_says() -> None:
    """The norm is reached by an image, through torch's own convolution with edges that meet."""
    conv = nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular", bias=False, dtype=torch.float64)
    norm = convolution_norm(Layer(conv, (6, 6)), conv.weight.detach())
    image = torch.randn(1, 3, 6, 6, dtype=torch.float64)
    for _ in range(500):  # power iteration
        image.requires_grad_()
        (0.5 * conv(image).square().sum()).backward()
        image = (image.grad / image.grad.norm()).detach()
    assert math.isclose(float(conv(image).detach().norm()), norm, rel_tol=1e-6)


def test_groups_and_dilation() -> None:
    own = weight(4, 2, 3, 3)
    grouped = Layer(nn.Conv2d(4, 4, 3, groups=2), (5, 5))
    assert math.isclose(
        convolution_norm(grouped, own), max(explicit_norm(part, 5, 5) for part in own.chunk(2)), rel_tol=1e-12
    )
    dilated = Layer(nn.Conv2d(2, 4, 3, dilation=2), (7, 6))
    assert math.isclose(convolution_norm(dilated, own), explicit_norm(own, 7, 6, dilation=2), rel_tol=1e-12)


def test_many_frequencies_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    own, layer = weight(4, 3, 3, 3), Layer(nn.Conv2d(3, 4, 3), (6, 5))
    whole = convolution_norm(layer, own)
    monkeypatch.setattr("rethink.measures.spectral._NUMBERS", 40)
    assert convolution_norm(layer, own) == whole


def test_frequencies_that_single_precision_cannot_tell_apart() -> None:
    """A kernel whose transform differs by 1e-9 between frequencies: the largest is found all the same."""
    own = torch.zeros(1, 1, 1, 3, dtype=torch.float64)
    own[..., 0], own[..., 2] = 1.0, 1e-9
    layer = Layer(nn.Conv2d(1, 1, (1, 3)), (4, 8))
    assert math.isclose(convolution_norm(layer, own), 1 + 1e-9, rel_tol=1e-14)


def test_of_nothing_and_of_other_layers() -> None:
    assert convolution_norm(Layer(nn.Conv2d(2, 2, 3), (4, 4)), torch.zeros(2, 2, 3, 3, dtype=torch.float64)) == 0
    assert convolution_norm(Layer(nn.Linear(3, 2), (1, 1)), weight(2, 3)) is None
