"""The same populations by automatic differentiation: torch.nn models, `backward`, torch.optim.

Every member is a network of its own with its own optimizer, trained in turn on the minibatches that
the by-hand population reads. It starts from the same numbers, so the curves are equal up to
rounding and the seconds can be compared. Outputs are computed by the torch model too.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from retroprop.training.learners import Layout, Loss, parameter_type
from retroprop.training.settings import PopulationSettings
from retroprop.training.torch_optimizers import make_optimizer


class AutogradLearner:
    """Seeds × learning rates as separate torch.nn models; see `Learner`."""

    def __init__(
        self,
        settings: PopulationSettings,
        parameters: Mapping[str, Tensor],
        make_network: Callable[[], nn.Module],
        *,
        layout: Layout,
    ) -> None:
        """Make one torch model per member from the by-hand names, shapes and numbers."""
        self.settings = settings
        self.layout: Layout = layout
        self.loss: Loss = "squared-error" if settings.output == "linear" else "cross-entropy"
        self.examples_per_call = settings.batch_size
        self.parameters = {name: tensor.clone() for name, tensor in parameters.items()}
        device = next(iter(parameters.values())).device
        self._members: list[list[nn.Module]] = []
        self._optimizers: list[list[torch.optim.Optimizer]] = []
        for i in range(len(settings.seeds)):
            row = []
            for j in range(len(settings.learning_rates)):
                network = make_network().to(device, parameter_type(settings))
                put_parameters(network, {name: t[i, j] for name, t in parameters.items()})
                row.append(network)
            self._members.append(row)
            self._optimizers.append(
                [
                    make_optimizer(settings.optimizer, network.parameters(), rate)
                    for network, rate in zip(row, settings.learning_rates, strict=True)
                ]
            )

    def outputs(self, x: Tensor) -> Tensor:
        """(seeds, rates, batch, classes) of inputs that all members share."""
        with torch.no_grad():
            rows = [torch.stack([network(x) for network in row]) for row in self._members]
        return torch.stack(rows)

    def learn(self, x: Tensor, y: Tensor) -> None:
        """One minibatch for every member."""
        with torch.enable_grad():
            for x_of_seed, y_of_seed, row, optimizers in zip(
                x, y, self._members, self._optimizers, strict=True
            ):
                for network, optimizer in zip(row, optimizers, strict=True):
                    optimizer.zero_grad()
                    self._loss(network(x_of_seed), y_of_seed).backward()
                    optimizer.step()

    def scale_rates(self, factor: float) -> None:
        """From now on, every member learns with `factor` times its own learning rate."""
        for optimizers in self._optimizers:
            for optimizer, rate in zip(optimizers, self.settings.learning_rates, strict=True):
                optimizer.param_groups[0]["lr"] = rate * factor

    def export(self) -> None:
        """Copy the members' parameters into `parameters`."""
        for i, row in enumerate(self._members):
            for j, network in enumerate(row):
                for name, tensor in get_parameters(network).items():
                    self.parameters[name][i, j] = tensor

    def state(self) -> dict[str, Tensor]:
        """What the optimizers remember, by "seed.rate.parameter.name"."""
        return {
            f"{i}.{j}.{parameter}.{name}": value.clone()
            for i, row in enumerate(self._optimizers)
            for j, optimizer in enumerate(row)
            for parameter, remembered in optimizer.state_dict()["state"].items()
            for name, value in remembered.items()
            if isinstance(value, Tensor)
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave, and the parameters that were loaded into `parameters`."""
        for i, (networks, optimizers) in enumerate(
            zip(self._members, self._optimizers, strict=True)
        ):
            for j, (network, optimizer) in enumerate(zip(networks, optimizers, strict=True)):
                put_parameters(network, {name: t[i, j] for name, t in self.parameters.items()})
                remembered: dict[int, dict[str, Tensor]] = {}
                for key, value in state.items():
                    seed, rate, parameter, name = key.split(".")
                    if (int(seed), int(rate)) == (i, j):
                        remembered.setdefault(int(parameter), {})[name] = value.clone()
                whole = optimizer.state_dict()
                optimizer.load_state_dict({**whole, "state": remembered})

    def _loss(self, z: Tensor, y: Tensor) -> Tensor:
        n = len(z) if self.settings.gradient == "mean" else 1
        if self.loss == "cross-entropy":
            summed = nn.functional.cross_entropy(z, y.argmax(-1), reduction="sum")
        else:
            summed = 0.5 * (z - y).square().sum()
        return summed / n


def put_parameters(network: nn.Module, parameters: Mapping[str, Tensor]) -> None:
    """Copy by-hand parameters into a torch model.

    "….W" is "….weight", transposed where it is a matrix; "….b" is "….bias". A lone "W" is the
    matrix of a linear model whose last row is the bias.
    """
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            tensor.copy_(_of_torch(name, parameters))


def get_parameters(network: nn.Module) -> dict[str, Tensor]:
    """The by-hand names, shapes and numbers of a torch model's parameters."""
    named = {name: tensor.detach() for name, tensor in network.named_parameters()}
    if isinstance(network, nn.Linear):
        return {"W": torch.cat((named["weight"].T, named["bias"][None]))}
    found = {}
    for name, tensor in named.items():
        layer, _, last = name.rpartition(".")
        if last == "weight":
            found[f"{layer}.W"] = tensor.T if tensor.ndim == 2 else tensor
        else:
            found[f"{layer}.b"] = tensor
    return found


def _of_torch(name: str, parameters: Mapping[str, Tensor]) -> Tensor:
    layer, _, last = name.rpartition(".")
    if not layer:
        W = parameters["W"]
        return W[:-1].T if last == "weight" else W[-1]
    if last == "bias":
        return parameters[f"{layer}.b"]
    W = parameters[f"{layer}.W"]
    return W.T if W.ndim == 2 else W
