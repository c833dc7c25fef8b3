"""Many small networks by automatic differentiation as one program: `torch.func`.

    g = vmap over seeds ( vmap over learning rates ( grad of the loss ) )

One call computes the gradients of all members, and fused optimizers update them in place: each
member's parameters are views of the stacked ones. Measured on one thread
against one network after another (benchmarks/vectorized.py): it pays from about 8 members on, most
where layers and minibatches are small, and never with 3. Convolutions become grouped convolutions,
which are slow on a CPU, and stay with `AutogradLearner`.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from retroprop.training.autograd import AutogradLearner
from retroprop.training.learners import Layout
from retroprop.training.settings import PopulationSettings

FEWEST_MEMBERS = 8
"""Members from which one program was measured to be faster than one network after another."""


class VectorizedAutogradLearner(AutogradLearner):
    """Seeds × learning rates as one program; its numbers are those of `AutogradLearner`."""

    def __init__(
        self,
        settings: PopulationSettings,
        parameters: Mapping[str, Tensor],
        make_network: Callable[[], nn.Module],
        *,
        layout: Layout,
    ) -> None:
        """Stack the members' parameters, and let the members see them."""
        super().__init__(settings, parameters, make_network, layout=layout)
        shape = (len(settings.seeds), len(settings.learning_rates))
        networks = [network for row in self._members for network in row]
        stacked, _ = stack_module_state(networks)
        self._stacked = {
            name: tensor.detach().clone().unflatten(0, shape) for name, tensor in stacked.items()
        }
        for i, row in enumerate(self._members):
            for j, network in enumerate(row):
                for name, parameter in network.named_parameters():
                    parameter.data = self._stacked[name][i, j]
                for group in self._optimizers[i][j].param_groups:
                    group["fused"], group["foreach"] = True, False
        base = networks[0]

        def loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            return self._loss(functional_call(base, parameters, (x,)), y)

        of_rates = vmap(grad(loss), in_dims=(0, None, None))
        self._gradients = vmap(of_rates, in_dims=(0, 0, 0))

    def outputs(self, x: Tensor) -> Tensor:
        """(seeds, rates, batch, classes) of inputs that all members share."""
        base = self._members[0][0]

        def of_one(parameters: dict[str, Tensor]) -> Tensor:
            return functional_call(base, parameters, (x,))

        with torch.no_grad():
            return vmap(vmap(of_one))(self._stacked)

    def learn(self, x: Tensor, y: Tensor) -> None:
        """One minibatch for every member."""
        gradients = self._gradients(self._stacked, x, y)
        for i, (row, optimizers) in enumerate(zip(self._members, self._optimizers, strict=True)):
            for j, (network, optimizer) in enumerate(zip(row, optimizers, strict=True)):
                for name, parameter in network.named_parameters():
                    parameter.grad = gradients[name][i, j]
                optimizer.step()
