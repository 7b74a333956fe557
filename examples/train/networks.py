"""The networks of the paper's medium-scale experiments, and how they are initialised."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    """One of the networks A to D."""

    neurons: int  # N
    sparse_layers: int  # l
    density: float  # share of each sparse layer's N x N weights that are connections
    data: str  # "mnist" or "cifar10"
    paper_accuracy: float  # percent


SHAPES = {
    "A": Shape(128, 18, 0.6, "mnist", 94.94),
    "B": Shape(256, 18, 0.6, "mnist", 96.88),
    "C": Shape(256, 12, 0.5, "mnist", 95.61),
    "D": Shape(256, 12, 0.5, "cifar10", 75.86),
}

CLASSES = 10
MNIST_PIXELS = 784
# D's features are stored in 8 bits: multiples of 1/255.
FEATURE_STEPS = 255


class SparseLinear(nn.Linear):
    """A linear layer with a random set of connections that never changes."""

    def __init__(self, inputs: int, outputs: int, density: float):
        super().__init__(inputs, outputs)
        connections = round(density * inputs * outputs)
        mask = torch.zeros(outputs * inputs)
        mask[torch.randperm(outputs * inputs)[:connections]] = 1
        self.register_buffer("mask", mask.view(outputs, inputs))

    def connected(self) -> torch.Tensor:
        """outputs x inputs; 0 where there is no connection."""
        return self.weight * self.mask

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        return F.linear(y, self.connected(), self.bias)


class ClippedMlp(nn.Module):
    """Linear layers; activations are clipped to [0, 1] after every layer but the last.

    For MNIST (`inputs` given) the first layer is dense; for D it is the first sparse layer.
    """

    def __init__(self, shape: Shape, inputs: int | None, noise: float):
        super().__init__()
        n = shape.neurons
        first = [nn.Linear(inputs, n)] if inputs else []
        sparse = [SparseLinear(n, n, shape.density) for _ in range(shape.sparse_layers)]
        self.layers = nn.ModuleList([*first, *sparse, nn.Linear(n, CLASSES)])
        self.noise = noise

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        for layer in self.layers[:-1]:
            z = layer(y)
            if self.training and self.noise > 0:
                z = z + self.noise * torch.randn_like(z)
            y = z.clamp(0, 1)
        return self.layers[-1](y)

    @torch.no_grad()
    def initialise(self, y: torch.Tensor, spread: float) -> None:
        """Sets weights and biases with the help of a batch `y` of inputs.

        A clipped layer dies or saturates unless its values lie around the middle of [0, 1]. So
        weights are drawn nearly orthogonal on their connections, then scaled until the values
        before the clip have standard deviation `spread`, and each bias puts its neuron's mean
        at 1/2. The next layer sees what this one gives.
        """
        for layer in self.layers[:-1]:
            nearly_orthogonal(layer)
            layer.bias.zero_()
            z = layer(y)
            scale = spread / (z - z.mean(0)).square().mean().sqrt()
            layer.weight *= scale
            layer.bias.copy_(0.5 - scale * z.mean(0))
            y = layer(y).clamp(0, 1)
        last = self.layers[-1]
        nn.init.normal_(last.weight, std=last.in_features**-0.5)
        last.bias.copy_(-(last.weight @ y.mean(0)))


@torch.no_grad()
def nearly_orthogonal(layer: nn.Linear) -> None:
    """Draws `layer.weight` so that the layer keeps distances, as far as its connections allow.

    Products of many random matrices squeeze all directions but a few; orthogonal ones do not.
    Alternates between the nearest orthogonal matrix and the mask.
    """
    nn.init.orthogonal_(layer.weight)
    mask = getattr(layer, "mask", None)
    if mask is None:
        return
    for _ in range(30):
        u, _, v = torch.linalg.svd(layer.weight * mask)
        layer.weight.copy_(u @ v)
    layer.weight *= mask


class Convolutions(nn.Module):
    """D's front: three blocks of convolution, convolution, max-pool; a dense layer; the clip.

    Gives the features that enter the sparse layers: count x N, multiples of 1/255.
    """

    def __init__(self, neurons: int, channels: list[int], bf16: bool):
        super().__init__()
        layers, inputs = [], 3
        for outputs in channels:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
            layers += [nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)]
            # Before normalisation, the pool leaves it a quarter of the values; the result is as good.
            layers += [nn.MaxPool2d(2), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        self.blocks = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.dense = nn.Linear(16 * inputs, neurons, bias=False)
        # Keeps each feature's mean and spread where the clip does not cut much away.
        self.norm = nn.BatchNorm1d(neurons)
        nn.init.constant_(self.norm.weight, 0.3)
        nn.init.constant_(self.norm.bias, 0.5)
        self.bf16 = bf16

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            maps = self.blocks(images)
        y = self.norm(self.dense(maps.float().flatten(1))).clamp(0, 1)
        # Rounded forwards; the gradient passes as if it were not.
        return y + (torch.round(y * FEATURE_STEPS) / FEATURE_STEPS - y).detach()


class ImageClassifier(nn.Module):
    """Network D: convolutions, then the clipped layers.

    In training it also gives the scores of a linear classifier right on the features, which is thrown
    away afterwards: through twelve clipped layers alone, the convolutions learn slowly.
    """

    def __init__(self, front: Convolutions, mlp: ClippedMlp):
        super().__init__()
        self.front, self.mlp = front, mlp
        self.direct = nn.Linear(front.dense.out_features, CLASSES)

    def forward(self, images: torch.Tensor):
        features = self.front(images)
        scores = self.mlp(features)
        return (scores, self.direct(features)) if self.training else scores
