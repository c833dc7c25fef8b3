"""Layers, losses, optimizers and networks by hand: explicit forward and backward, no autograd.

A layer gives z and what its backward pass needs (`forward`), then dL/dx and the gradient of each
parameter (`backward`). Parameters may have leading population axes: the same lines train many
networks at once. `retroprop verify` proves all of it equal to automatic differentiation.
"""

from typing import TYPE_CHECKING

from retroprop.lazy import offers

if TYPE_CHECKING:
    from retroprop.byhand.activations import (
        ACTIVATIONS,
        GELU,
        ReLU,
        Sigmoid,
        Softmax,
        Tanh,
        make_activation,
    )
    from retroprop.byhand.cnn import CNN, cnn_parameters
    from retroprop.byhand.convolution import Conv2d
    from retroprop.byhand.dropout import Dropout
    from retroprop.byhand.fast_mlp import FastMLP
    from retroprop.byhand.layer import Flatten, Layer, Residual, Sequential
    from retroprop.byhand.linear import Linear
    from retroprop.byhand.losses import (
        clamped_cross_entropy,
        clamped_cross_entropy_gradient,
        one_hot,
        softmax_cross_entropy,
        softmax_cross_entropy_gradient,
        squared_error,
        squared_error_gradient,
    )
    from retroprop.byhand.mlp import MLP, initial_parameters
    from retroprop.byhand.mlp_mixer import MLPMixer, mlp_mixer_parameters
    from retroprop.byhand.normalization import BatchNorm2d, LayerNorm
    from retroprop.byhand.optimizers import (
        OPTIMIZERS,
        SGD,
        Adagrad,
        Adam,
        AdamW,
        Momentum,
        OnePerParameter,
    )
    from retroprop.byhand.perceptron import Perceptron
    from retroprop.byhand.pooling import (
        AdaptiveMaxPool2d,
        AveragePool2d,
        GlobalAveragePool2d,
        MaxPool2d,
        TokenMean,
    )
    from retroprop.byhand.resnet18 import ResNet18, resnet18_parameters
    from retroprop.byhand.schedules import rate_factor, warmup_cosine
    from retroprop.byhand.shallow_network import ShallowNetwork
    from retroprop.byhand.softmax_regression import SoftmaxRegression, initial_weights

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "GELU",
    "MLP",
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "AdaptiveMaxPool2d",
    "AveragePool2d",
    "BatchNorm2d",
    "Conv2d",
    "Dropout",
    "FastMLP",
    "Flatten",
    "GlobalAveragePool2d",
    "Layer",
    "LayerNorm",
    "Linear",
    "MLPMixer",
    "MaxPool2d",
    "Momentum",
    "OnePerParameter",
    "Perceptron",
    "ReLU",
    "ResNet18",
    "Residual",
    "Sequential",
    "ShallowNetwork",
    "Sigmoid",
    "Softmax",
    "SoftmaxRegression",
    "Tanh",
    "TokenMean",
    "clamped_cross_entropy",
    "clamped_cross_entropy_gradient",
    "cnn_parameters",
    "initial_parameters",
    "initial_weights",
    "make_activation",
    "mlp_mixer_parameters",
    "one_hot",
    "rate_factor",
    "resnet18_parameters",
    "softmax_cross_entropy",
    "softmax_cross_entropy_gradient",
    "squared_error",
    "squared_error_gradient",
    "warmup_cosine",
]

__getattr__, __dir__ = offers(
    __name__,
    {
        "activations": [
            "ACTIVATIONS",
            "GELU",
            "ReLU",
            "Sigmoid",
            "Softmax",
            "Tanh",
            "make_activation",
        ],
        "cnn": ["CNN", "cnn_parameters"],
        "convolution": ["Conv2d"],
        "dropout": ["Dropout"],
        "fast_mlp": ["FastMLP"],
        "layer": ["Flatten", "Layer", "Residual", "Sequential"],
        "linear": ["Linear"],
        "losses": [
            "clamped_cross_entropy",
            "clamped_cross_entropy_gradient",
            "one_hot",
            "softmax_cross_entropy",
            "softmax_cross_entropy_gradient",
            "squared_error",
            "squared_error_gradient",
        ],
        "mlp": ["MLP", "initial_parameters"],
        "mlp_mixer": ["MLPMixer", "mlp_mixer_parameters"],
        "normalization": ["BatchNorm2d", "LayerNorm"],
        "optimizers": [
            "OPTIMIZERS",
            "SGD",
            "Adagrad",
            "Adam",
            "AdamW",
            "Momentum",
            "OnePerParameter",
        ],
        "perceptron": ["Perceptron"],
        "pooling": [
            "AdaptiveMaxPool2d",
            "AveragePool2d",
            "GlobalAveragePool2d",
            "MaxPool2d",
            "TokenMean",
        ],
        "resnet18": ["ResNet18", "resnet18_parameters"],
        "schedules": ["rate_factor", "warmup_cosine"],
        "shallow_network": ["ShallowNetwork"],
        "softmax_regression": ["SoftmaxRegression", "initial_weights"],
    },
)
