"""Exact spectral norms: of a matrix, and of a convolution on the grid that it sees."""

import math

import torch
from torch import Tensor, nn

from rethink.measures.folding import Layer

_NUMBERS = 2**22  # complex ones of transformed kernels held at once
_ROUNDING = 1e-4  # that single precision may be wrong by, and more


def matrix_norm(weight: Tensor) -> float:
    """The largest singular value of a weight (outputs, ...) as a matrix, float64; of a vector's diagonal matrix.

    It is the root of the largest eigenvalue of W Wᵀ or WᵀW, whichever is smaller: all of its digits but the last two
    or three are right, which no power iteration promises.
    """
    if weight.ndim == 1:
        return float(weight.abs().max())
    gram = _gram(weight.flatten(1))
    return math.sqrt(max(0.0, float(torch.linalg.eigvalsh(gram)[-1])))


def convolution_norm(layer: Layer, weight: Tensor) -> float | None:
    """The largest singular value of a convolution with this weight in place of its own, float64; none for other layers.

    A convolution of stride 1 on its grid, whose edges meet, is a product by matrices, one for each frequency: the
    kernel's Fourier transform (Sedghi et al., arXiv 1805.10408). Strides and zeros at the edges are left out of
    account, as there.
    """
    module = layer.module
    if not isinstance(module, nn.Conv2d):
        return None
    if not weight.any():
        return 0.0
    parts = weight.chunk(module.groups)
    return math.sqrt(max(_largest_eigenvalue(*_transform(part, layer.grid, module.dilation)) for part in parts))


def _transform(kernel: Tensor, grid: tuple[int, int], dilation: tuple[int, ...]) -> tuple[Tensor, Tensor, torch.Size]:
    """What the transform of a kernel (outputs, inputs, h, w) at each frequency is made from: a row of the first tensor
    times the second, in this shape.

    Frequencies of the upper half are conjugates of the lower ones, and have the same singular values.
    """
    sides = zip(kernel.shape[2:], grid, dilation, strict=True)
    rows, columns = (_phases(side, size, step) for side, size, step in sides)
    columns = columns[: len(columns) // 2 + 1]
    phases = torch.einsum("ua,vb->uvab", rows, columns).flatten(0, 1).flatten(1)  # (frequencies, h · w)
    taps = kernel.permute(2, 3, 0, 1).flatten(0, 1).flatten(1).to(phases.dtype)  # (h · w, outputs · inputs)
    return phases, taps, kernel.shape[:2]


def _phases(side: int, size: int, step: int) -> Tensor:
    """exp(−2πi u a / size) of each frequency u and tap a; one frequency, if there is but one tap."""
    frequencies = torch.arange(size if side > 1 else 1, dtype=torch.float64)
    angles = torch.outer(frequencies, torch.arange(side, dtype=torch.float64) * step) * (-2 * math.pi / size)
    return torch.polar(torch.ones_like(angles), angles)


def _largest_eigenvalue(phases: Tensor, taps: Tensor, shape: torch.Size) -> float:
    """The largest eigenvalue of A Aᴴ for all A = (a row of `phases` · taps), in this shape.

    Few of them are solved. λ · 1 − A Aᴴ has a Cholesky decomposition only if no eigenvalue of A Aᴴ is above λ: that
    takes a tenth of the time, and single precision, with its rounding on the safe side, clears all that are not close.
    """
    most, rough_taps = 0.0, taps.to(torch.complex64)
    at_once = max(1, _NUMBERS // taps.shape[1])
    for start in range(0, len(phases), at_once):
        some = phases[start : start + at_once]
        rough = _gram((some.to(torch.complex64) @ rough_taps).view(-1, *shape))
        identity = torch.eye(rough.shape[-1], dtype=rough.dtype)
        left = rough.diagonal(dim1=1, dim2=2).real.sum(1).argsort(descending=True)
        while True:
            _, failed = torch.linalg.cholesky_ex(most * (1 - _ROUNDING) * identity - rough[left])
            left = left[failed > 0]
            if not len(left):
                break
            exact = _gram((some[left[0]] @ taps).view(shape))
            most = max(most, float(torch.linalg.eigvalsh(exact)[-1]))
            left = left[1:]
    return most


def _gram(matrices: Tensor) -> Tensor:
    if matrices.shape[-2] <= matrices.shape[-1]:
        return matrices @ matrices.mH
    return matrices.mH @ matrices
