"""Weights of another architecture are refused in one sentence, before anything is copied."""

import pytest
import torch

from retroprop.errors import UserError
from retroprop.models.mlp import MLP
from retroprop.models.mlpmixer import MLPMixer
from retroprop.models.weights import load_weights


def test_weights_of_the_same_architecture_are_copied():
    one, other = MLP(4, [3], 2), MLP(4, [3], 2)
    load_weights(other, one.state_dict())
    x = torch.randn(5, 4)
    assert torch.equal(one(x), other(x))


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (MLPMixer(2, 4, 2, 4, 1).state_dict(), "lacks 'hidden_layers.0.weight', which MLP needs"),
        (MLP(4, [3, 3], 2).state_dict(), "has 'hidden_layers.1.weight', which MLP does not know"),
        (MLP(4, [5], 2).state_dict(), r"has the shape \(5, 4\) and \(3, 4\) is expected"),
        ({}, "and 3 more of its 4 names differ"),
    ],
    ids=["mixer", "deeper", "wider", "empty"],
)
def test_weights_of_another_architecture_are_explained(weights, sentence):
    network = MLP(4, [3], 2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(UserError, match=sentence):
        load_weights(network, weights)
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
