"""Networks with BatchNorm folded in: rescaling a layer before it changes no function, so no norm may see it.

In evaluation mode BatchNorm is y = s x + t by channel, with s = γ / √(variance + ε) and t = β − s · mean. Where its
input is what a linear or convolutional layer gives, both become part of that layer. Elsewhere, as before the blocks of
a residual network, it stays as a layer of its own: a diagonal matrix s.
"""

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from rethink.errors import RethinkError

Linear = nn.Linear | nn.Conv2d


class NotMeasurable(RethinkError):
    """A network whose weights these measures are not defined for."""


class ChannelScale(nn.Module):
    """y = weight · x + bias by channel, (N, C, ...) -> (N, C, ...): a BatchNorm that could not be folded."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1, *[1] * (x.ndim - 2))
        return x * self.weight.view(shape) + self.bias.view(shape)


@dataclass(frozen=True)
class Layer:
    """A layer of a folded network, and the height and width of what it sees, (1, 1) without any."""

    module: Linear | ChannelScale
    grid: tuple[int, int]

    @property
    def weight(self) -> Tensor:
        return self.module.weight.detach()


@dataclass(frozen=True)
class FoldedNetwork:
    """A network on the CPU, in float64 and evaluation mode, and those of its layers that have weights."""

    network: nn.Module
    layers: tuple[Layer, ...]  # in the order in which they are used

    @property
    def weights(self) -> list[Tensor]:
        """Of each layer, without biases."""
        return [layer.weight for layer in self.layers]

    def parameters(self) -> list[nn.Parameter]:
        """Weights and biases of the layers."""
        return [parameter for layer in self.layers for parameter in layer.module.parameters()]


@dataclass(frozen=True)
class _Call:
    name: str
    module: nn.Module
    grid: tuple[int, int]
    before: Node | None  # of autograd's graph: the operation that gave what the module sees
    last: Node | None  # its own last operation


def fold(network: nn.Module, input_shape: Sequence[int]) -> FoldedNetwork:
    """A copy of a network with its BatchNorms folded in; what evaluation mode does not use is in no layer.

    Args:
        network: Linear and convolutional layers and BatchNorms, each used once; what else it has has no weights.
        input_shape: (C, H, W) of one image.

    Raises:
        NotMeasurable: It has other layers with weights, uses one twice, cannot be computed in float64, or its weights
            are not finite.
    """
    if not all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters()):
        raise NotMeasurable("its weights are not finite")
    copied = deepcopy(network).to("cpu", torch.float64).eval().requires_grad_()
    calls, uses = _trace(copied, input_shape)
    givers = {call.last: call.module for call in calls if isinstance(call.module, nn.Linear | nn.Conv2d)}
    layers: list[Layer] = []
    for call in calls:
        if isinstance(call.module, nn.Linear | nn.Conv2d):
            layers.append(Layer(call.module, call.grid))
        elif isinstance(call.module, nn.BatchNorm1d | nn.BatchNorm2d):
            scale, shift = _affine(call.name, call.module)
            if call.before is not None and call.before in givers and uses[call.before] == 1:
                _absorb(givers[call.before], scale, shift)
                _replace(copied, call.name, nn.Identity())
            else:
                layers.append(Layer(ChannelScale(scale, shift), call.grid))
                _replace(copied, call.name, layers[-1].module)
        else:
            raise NotMeasurable(f"its {call.name} ({type(call.module).__name__}) has weights that no measure knows")
    return FoldedNetwork(copied, tuple(layers))


def _trace(network: nn.Module, input_shape: Sequence[int]) -> tuple[list[_Call], Counter[Node]]:
    """Each use of a module with weights or of a BatchNorm, on one image, and how often each operation's result is used.

    Autograd's graph knows of every use, whatever the network's own code looks like.
    """
    calls: list[_Call] = []
    names = {module: name for name, module in network.named_modules() if _is_watched(module)}

    def called(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        calls.append(_Call(names[module], module, _grid(inputs[0]), inputs[0].grad_fn, output.grad_fn))

    handles = [module.register_forward_hook(called) for module in names]
    try:
        with torch.enable_grad():
            logits = network(torch.ones(1, *input_shape, dtype=torch.float64))
    except Exception as error:  # a user's own network may raise anything
        raise NotMeasurable(f"it cannot be computed in float64 ({' '.join(str(error).split())})") from error
    finally:
        for handle in handles:
            handle.remove()
    for name, times in Counter(call.name for call in calls).items():
        if times > 1:
            raise NotMeasurable(f"its {name} is used {times} times for one image")
    return calls, _uses(logits.grad_fn)


def _uses(last: Node | None) -> Counter[Node]:
    uses: Counter[Node] = Counter()
    left = [last] if last else []
    seen = set(left)
    while left:
        for node, _ in left.pop().next_functions:
            if node is not None:
                uses[node] += 1
                if node not in seen:
                    seen.add(node)
                    left.append(node)
    return uses


def _is_watched(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm) or bool([*module.parameters(recurse=False)])


def _grid(seen: Tensor) -> tuple[int, int]:
    height, width = seen.shape[2:] if seen.ndim == 4 else (1, 1)
    return height, width


def _affine(name: str, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """(s, t) of a BatchNorm."""
    if norm.running_var is None or norm.running_mean is None:
        raise NotMeasurable(f"its {name} keeps no running mean and variance")
    scale = (norm.running_var + norm.eps).rsqrt()
    scale = scale if norm.weight is None else scale * norm.weight.detach()
    shift = -norm.running_mean * scale
    return scale, shift if norm.bias is None else shift + norm.bias.detach()


def _absorb(layer: Linear, scale: Tensor, shift: Tensor) -> None:
    weight, bias = layer.weight.detach(), layer.bias
    layer.weight = nn.Parameter(weight * scale.view(-1, *[1] * (weight.ndim - 1)))
    layer.bias = nn.Parameter(shift if bias is None else bias.detach() * scale + shift)


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, module)
