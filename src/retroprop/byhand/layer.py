"""What a layer is, and three ways to join layers: one after the other, around, and side by side.

A layer computes y = f(x; θ). Its `forward` returns y and whatever `backward` needs; its `backward`
takes dy = dL/dy and returns dx = dL/dx and dL/dθ, one gradient per parameter. L is a sum over the
members of the population, so a member's gradients are its own. Joined layers are layers again: the
chain rule is applied here and nowhere else.

    chain      y = f_n(… f_1(x))          dx = J_1ᵀ … J_nᵀ dy
    residual   y = f(x) + s(x)            dx = J_fᵀ dy + J_sᵀ dy

Source: Goodfellow et al., Deep Learning (2016), 6.5; He et al., Deep residual learning (2016).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from retroprop.errors import UserError

Saved = Any
"""What a layer's forward keeps for its backward; only that layer looks inside."""

Gradients = dict[str, Tensor]
"""dL/dθ by the names of `parameters`."""


@runtime_checkable
class Layer(Protocol):
    """A differentiable function with parameters.

    Shapes: every tensor may have leading population axes. An input may lack the last of them, when
    members share it; its gradient is then the sum over the members that do.
    """

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The parameters by name; optimizers update them in place."""
        ...

    def forward(self, x: Tensor, *, training: bool = True) -> tuple[Tensor, Saved]:
        """Compute the output, and keep what `backward` needs.

        Args:
            x: The input; it is never changed.
            training: Only dropout and batch normalisation behave otherwise in evaluation.
        """
        ...

    def backward(self, dy: Tensor, saved: Saved) -> tuple[Tensor, Gradients]:
        """Compute the gradients of the loss with respect to the input and to the parameters.

        Args:
            dy: Gradient with respect to the output; it may be overwritten.
            saved: What `forward` kept; it may be overwritten, so it serves once.
        """
        ...


@runtime_checkable
class Buffered(Protocol):
    """A layer with state that no gradient reaches, such as running means."""

    @property
    def buffers(self) -> dict[str, Tensor]:
        """The state by name; training updates it in place."""
        ...


@runtime_checkable
class WithoutInputGradient(Protocol):
    """A layer that saves work when nobody asks for dL/dx."""

    def parameter_gradients(self, dy: Tensor, saved: Saved) -> Gradients:
        """The gradients of the parameters, as `backward` gives them."""
        ...


class WithoutParameters:
    """What the layers share that have none."""

    @property
    def parameters(self) -> dict[str, Tensor]:
        """None."""
        return {}


class Sequential:
    """Layers one after the other, by name; the parameters are named "layer.parameter"."""

    def __init__(self, layers: Mapping[str, Layer] | Iterable[tuple[str, Layer]]) -> None:
        """Chain the layers in their order."""
        self.layers = dict(layers)

    @property
    def parameters(self) -> dict[str, Tensor]:
        """All parameters, "layer.parameter"."""
        return {
            f"{name}.{key}": value
            for name, layer in self.layers.items()
            for key, value in layer.parameters.items()
        }

    @property
    def buffers(self) -> dict[str, Tensor]:
        """The buffers of all layers that have some, "layer.buffer"."""
        return {
            f"{name}.{key}": value
            for name, layer in self.layers.items()
            if isinstance(layer, Buffered)
            for key, value in layer.buffers.items()
        }

    def forward(self, x: Tensor, *, training: bool = True) -> tuple[Tensor, Saved]:
        """y = f_n(… f_1(x))."""
        saved = []
        for layer in self.layers.values():
            x, kept = layer.forward(x, training=training)
            saved.append(kept)
        return x, saved

    def backward(self, dy: Tensor, saved: Saved) -> tuple[Tensor, Gradients]:
        """The chain rule, from the last layer to the first."""
        gradients: Gradients = {}
        for name, layer in reversed(self.layers.items()):
            dy, of_layer = layer.backward(dy, saved.pop())
            gradients |= {f"{name}.{key}": value for key, value in of_layer.items()}
        return dy, gradients

    def parameter_gradients(self, dy: Tensor, saved: Saved) -> Gradients:
        """`backward` without dL/dx of the chain's input: training needs no gradient of an image.

        Args:
            dy: Gradient with respect to the output; it may be overwritten.
            saved: What `forward` kept.
        """
        (first_name, first), *others = self.layers.items()
        dy, gradients = Sequential(others).backward(dy, saved)
        if isinstance(first, WithoutInputGradient):
            of_first = first.parameter_gradients(dy, saved.pop())
        else:
            _, of_first = first.backward(dy, saved.pop())
        return gradients | {f"{first_name}.{key}": value for key, value in of_first.items()}


class Residual:
    """y = branch(x) + shortcut(x); without a shortcut the input itself is added.

    The parameters keep the names that both ways give them.
    Source: He et al., Deep residual learning for image recognition (2016), equations 1 and 2.
    """

    def __init__(self, branch: Layer, shortcut: Layer | None = None) -> None:
        """Add `shortcut` (the identity when it is None) to `branch`."""
        self.branch = branch
        self.shortcut: Layer = Sequential({}) if shortcut is None else shortcut

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Those of the branch, then those of the shortcut."""
        return self.branch.parameters | self.shortcut.parameters

    @property
    def buffers(self) -> dict[str, Tensor]:
        """The buffers of both ways, where they have some."""
        ways = (way for way in (self.branch, self.shortcut) if isinstance(way, Buffered))
        return {name: buffer for way in ways for name, buffer in way.buffers.items()}

    def forward(self, x: Tensor, *, training: bool = True) -> tuple[Tensor, Saved]:
        """y = branch(x) + shortcut(x).

        Raises:
            UserError: If there is no shortcut and the branch's output has another shape than x.
        """
        y, of_branch = self.branch.forward(x, training=training)
        s, of_shortcut = self.shortcut.forward(x, training=training)
        if s is x and y.shape != x.shape:
            raise UserError(
                f"expected a branch whose output has the shape {tuple(x.shape)} of its input, "
                f"and got {tuple(y.shape)}; give the sum a shortcut, and an input that members "
                "share its population axes."
            )
        return y + s, (of_branch, of_shortcut)

    def backward(self, dy: Tensor, saved: Saved) -> tuple[Tensor, Gradients]:
        """dx = J_branchᵀ dy + J_shortcutᵀ dy: a sum passes its gradient on to both terms."""
        of_branch, of_shortcut = saved
        dx, gradients = self.branch.backward(dy.clone(), of_branch)
        ds, of_s = self.shortcut.backward(dy, of_shortcut)
        return dx + ds, gradients | of_s


class Flatten(WithoutParameters):
    """All axes of an example in one: (*population batch …) → (*population batch features).

    The inverse of a reshape is a reshape: dx = dy in the shape of x.
    """

    def __init__(self, axes: int = 3) -> None:
        """Join the last `axes` axes (3 for channels, height and width)."""
        self.axes = axes

    def forward(self, x: Tensor, *, training: bool = True) -> tuple[Tensor, Saved]:
        """y = x, reshaped."""
        return x.flatten(-self.axes), x.shape

    def backward(self, dy: Tensor, saved: Saved) -> tuple[Tensor, Gradients]:
        """dx = dy, in the shape of x."""
        return dy.reshape(saved), {}


def below(parameters: Mapping[str, Tensor], name: str) -> dict[str, Any]:
    """The parameters of the layer called `name`, by the names that the layer itself uses.

    The result may be unpacked into the layer's constructor, so a wrong name is an error there.

    >>> from torch import tensor
    >>> below({"conv1.W": tensor([1.0]), "bn1.beta": tensor([0.0])}, "conv1")
    {'W': tensor([1.])}
    """
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in parameters.items() if k.startswith(prefix)}
