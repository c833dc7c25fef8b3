"""The multilayer perceptron: h₀ = x, h_l = φ(h_{l−1} W_lᵀ + b_l), logits = h_L Wᵀ + b.

Source: IFT6135, devoir 1, question 1 (names and initialization); Glorot & Bengio, Understanding the
difficulty of training deep feedforward neural networks (2010), for Xavier's normal weights.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from retroprop.errors import UserError
from retroprop.models.activations import activation_class


class Linear(nn.Module):
    """y = x Wᵀ + b, with weight (out, in) and bias (out), written out rather than taken from torch.

    Both are drawn from U(−1/√in, 1/√in), as LeCun et al. (1998) and torch do.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        """Make the map from `in_features` to `out_features` numbers."""
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        bound = in_features**-0.5
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))

    def forward(self, input: Tensor) -> Tensor:
        """(…, in) → (…, out)."""
        return nn.functional.linear(input, self.weight, self.bias)


class MLP(nn.Module):
    """Hidden layers of any number and width, one activation function, logits out."""

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Sequence[int],
        num_classes: int,
        activation: str = "relu",
    ) -> None:
        """Make the layers, with Xavier's normal weights and zero biases.

        Args:
            input_size: Numbers per example: images are flattened.
            hidden_sizes: Units of each hidden layer; none makes it softmax regression.
            num_classes: How many logits come out.
            activation: relu, tanh, sigmoid or gelu.

        Raises:
            UserError: If the activation is unknown, or a layer has no unit.
        """
        super().__init__()
        sizes = (input_size, *hidden_sizes, num_classes)
        if min(sizes) < 1:
            raise UserError(f"the layers must have 1 unit or more each, and got {sizes}.")
        self.input_size, self.hidden_sizes = input_size, list(hidden_sizes)
        self.num_classes = num_classes
        self.activation = activation
        self.phi = activation_class(activation)()
        self.hidden_layers, self.output_layer = self._build_layers(
            input_size, hidden_sizes, num_classes
        )
        for layer in (*self.hidden_layers, self.output_layer):
            self._initialize_linear_layer(layer)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, …) → (batch, num_classes).

        Raises:
            UserError: If an image has not `input_size` numbers.
        """
        if images.ndim < 2 or math.prod(images.shape[1:]) != self.input_size:
            raise UserError(
                f"expected images of {self.input_size} numbers each, and got a tensor of shape "
                f"{tuple(images.shape)}; make the network with their input_size."
            )
        h = images.flatten(1)  # (batch, features)
        for layer in self.hidden_layers:
            h = self.activation_fn(self.activation, layer(h))
        return self.output_layer(h)

    def activation_fn(self, activation: str, inputs: Tensor) -> Tensor:
        """φ(inputs), for the activation function of this name."""
        phi = self.phi if activation == self.activation else activation_class(activation)()
        return phi(inputs)

    def _build_layers(
        self, input_size: int, hidden_sizes: Sequence[int], num_classes: int
    ) -> tuple[nn.ModuleList, Linear]:
        sizes = [input_size, *hidden_sizes]
        hidden = [Linear(*pair) for pair in itertools.pairwise(sizes)]
        return nn.ModuleList(hidden), Linear(sizes[-1], num_classes)

    def _initialize_linear_layer(self, module: nn.Module) -> None:
        """Zero bias, and weights from N(0, 2 / (in + out)); of torch's linear layers too."""
        assert isinstance(module, Linear | nn.Linear)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
        nn.init.xavier_normal_(module.weight)
