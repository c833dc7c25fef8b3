"""IFT3395, devoir 3, part 1, questions 1 to 6: derivatives, networks, normalised pixels."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from retroprop.calculus import norms
from retroprop.labs.ift3395_devoir3 import solution
from retroprop.labs.ift3395_devoir3.checks import (
    Check,
    SmallTrainer,
    checks_table,
    flat,
    largest,
    refusal,
    same_tensors,
    scientific,
    seeded,
)
from retroprop.labs.ift3395_devoir3.solution import NetworkConfiguration, Trainer
from retroprop.labs.source_code import source
from retroprop.models.activations import activation_class
from retroprop.models.budget import cnn_parameters, mlp_parameters
from retroprop.report.document import Block, Code, Equation, Table, row
from retroprop.report.lab_report import LabReport

EXAMPLE = NetworkConfiguration(
    n_channels=(16, 32), kernel_sizes=(4, 5), strides=(1, 2), paddings=(1, 0)
)
"""The CNN that the document gives as an example."""


def gradient_norm(lab: LabReport) -> Iterator[Block]:
    """1.1."""
    yield lab.prose(
        "Automatic differentiation gives one gradient for each input; their norm is that of all "
        "numbers together, as if they stood in one vector. The inputs are copied first, so that "
        "the caller’s tensors stay as they are. An input that the function ignores has a gradient "
        "of 0."
    )
    yield Equation(source="norm(nabla f) = sqrt(sum_i norm(frac(partial f, partial bx_i))^2)")
    yield source(norms.gradient_norm, refusals=True)
    with seeded():
        A, x = torch.randn(3, 4).double(), torch.randn(4).double()

    def f(A: Tensor, x: Tensor, *ignored: Tensor) -> Tensor:
        return (A @ x).square().sum()

    formula = math.hypot(float(2 * torch.outer(A @ x, x).norm()), float(2 * (A.T @ (A @ x)).norm()))
    ours = norms.gradient_norm(f, A, x)
    third = norms.gradient_norm(f, A, x, torch.ones(2, 2))
    say = lab.say
    yield checks_table(
        lab,
        Check(say("f(A, x) = ‖Ax‖², against its formula"), ours, formula),
        Check(say("the same, against central differences"), ours, _central(f, A, x)),
        Check(say("the same, with a third input that f ignores"), third, formula),
    )
    yield lab.prose(
        "The formula is $nabla_A f = 2 A bx bx^top$ and $nabla_bx f = 2 A^top A bx$; all in "
        "float64."
    )


def _central(f: Callable[..., Tensor], *inputs: Tensor, step: float = 1e-5) -> float:
    """The norm of the gradient, each of its numbers by central differences."""
    squares = 0.0
    for tensor in inputs:
        for value in tensor.view(-1):
            start = float(value)
            above, below = (
                float(f(*inputs)) for _ in map(value.fill_, (start + step, start - step))
            )
            value.fill_(start)
            squares += ((above - below) / (2 * step)) ** 2
    return math.sqrt(squares)


def jacobian_norm(lab: LabReport) -> Iterator[Block]:
    """1.2."""
    yield lab.prose(
        "The Jacobian holds the derivative of every output with respect to every input, and its "
        "Frobenius norm is the root of the sum of their squares. One pass backwards gives one "
        "row; only the norm of each row is kept, so the whole matrix never lies in memory."
    )
    yield Equation(source="norm(J)_F = sqrt(sum_a sum_b (frac(partial f_a, partial x_b))^2)")
    yield source(norms.jacobian_norm)
    with seeded():
        x, A, X = (torch.randn(*shape).double() for shape in ((5,), (3, 5), (3, 2)))
    S = x.softmax(0)

    def square(X: Tensor) -> Tensor:
        return X @ X.T

    whole = torch.autograd.functional.jacobian(square, X)
    assert isinstance(whole, Tensor)
    say = lab.say
    yield checks_table(
        lab,
        Check(
            say("softmax of 5 numbers, against diag(S) − SSᵀ"),
            norms.jacobian_norm(lambda x: x.softmax(0), x),
            float((S.diag() - torch.outer(S, S)).norm()),
        ),
        Check(
            say("x ↦ Ax, against ‖A‖ itself"),
            norms.jacobian_norm(lambda x: A @ x, x),
            float(A.norm()),
        ),
        Check(
            say("X ↦ XXᵀ, a matrix to a matrix, against torch’s whole Jacobian"),
            norms.jacobian_norm(square, X),
            float(whole.norm()),
        ),
    )


def activation_function(lab: LabReport) -> Iterator[Block]:
    """1.3."""
    yield lab.prose(
        "A dictionary leads from the name to torch’s module. It is compared with the definitions "
        "of the assignment, and its derivative by autograd with the formula, at 2,001 points from "
        "−10 to 10 in float64. A name that is not in the dictionary gets an answer that says so."
    )
    yield source(Trainer.create_activation_function, activation_class, refusals=True)
    say = lab.say
    x = torch.linspace(-10, 10, 2001).double().requires_grad_()
    e = x.detach().exp()
    sigmoid, tanh = e / (1 + e), (e - 1 / e) / (e + 1 / e)
    definitions = {
        "relu": (x.detach().clamp(min=0), (x > 0).double()),
        "sigmoid": (sigmoid, sigmoid * (1 - sigmoid)),
        "tanh": (tanh, 1 - tanh**2),
    }
    rows = []
    for name, (value, derivative) in definitions.items():
        y = Trainer.create_activation_function(name)(x)
        (slope,) = torch.autograd.grad(y.sum(), x)
        errors = (largest(y - value), largest(slope - derivative))
        rows.append(row(name, *(scientific(lab, one) for one in errors)))
    yield Table(
        name="activations",
        caption=say("Largest difference from the definition"),
        corner=say("name"),
        columns=[say("value"), say("derivative")],
        rows=rows,
    )
    yield refusal(lambda: Trainer.create_activation_function("rellu"))


def multilayer_perceptron(lab: LabReport) -> Iterator[Block]:
    """1.4."""
    yield lab.prose(
        "The network flattens the image itself. Each hidden layer is a Linear with the activation "
        "after it; the last Linear is followed by the softmax."
    )
    yield Equation(
        source="bh_0 &= bx \\ bh_l &= cal(A)(W_l bh_(l-1) + bb_l) quad l = 1, dots, L \\ "
        "bp &= softmax(W_(L+1) bh_L + bb_(L+1))"
    )
    yield lab.prose("$cal(A)$ is the activation function, $L$ the number of hidden layers.")
    yield source(Trainer.create_mlp, solution._dense, refusals=True)
    say, hidden = lab.say, (256, 256)
    with seeded(), torch.no_grad():
        three = Trainer.create_mlp(
            784, NetworkConfiguration(dense_hiddens=(32, 16, 8)), 10, nn.ReLU()
        )
        network = Trainer.create_mlp(784, NetworkConfiguration(dense_hiddens=hidden), 10, nn.ReLU())
        p = network(torch.randn(5, 1, 28, 28))
    yield checks_table(
        lab,
        Check(say("Linear layers with three hidden sizes"), _count(three, nn.Linear), 4),
        Check(
            say("parameters with 256-256, against the formula"),
            parameters(network),
            mlp_parameters(784, hidden, 10),
        ),
        _sums(say("sums of the probabilities of 5 images of 1 × 28 × 28"), p),
    )
    yield Code(text=repr(network), language="text", title=say("The network that it makes"))


def _count(network: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(layer, kind) for layer in network.modules())


def parameters(network: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(weights.numel() for weights in network.parameters())


def _sums(what: str, p: Tensor) -> Check:
    """A check of rows that must sum to 1: the worst of them."""
    sums = p.detach().sum(1)
    worst = float(sums[(sums - 1).abs().argmax()])
    return Check(what, worst, 1.0)


def convolutional_network(lab: LabReport) -> Iterator[Block]:
    """1.5."""
    yield lab.prose(
        "After each convolution come the activation and MaxPool2d(2); after the last one "
        "AdaptiveMaxPool2d((4, 4)) takes the place of the pooling, so that the dense layers see "
        "$4 times 4$ values of each channel whatever the size of the image. The container is a "
        "Sequential that pools faster on a processor; its numbers are those of torch’s own, which "
        "the last check compares."
    )
    yield source(Trainer.create_cnn)
    say = lab.say
    with seeded():
        network = Trainer.create_cnn(1, EXAMPLE, 10, nn.ReLU())
        images, wider = torch.randn(5, 1, 28, 28), torch.randn(5, 1, 40, 36)
    assert isinstance(network, nn.Sequential)
    plain = nn.Sequential(*network)
    p, q = network(images), plain(images)
    with torch.no_grad():
        of_wider = network(wider)
    ours, expected = (
        flat(torch.autograd.grad(out[:, 0].sum(), list(network.parameters()))) for out in (p, q)
    )
    yield checks_table(
        lab,
        Check(
            say("parameters of the assignment’s example, against the formula"),
            parameters(network),
            cnn_parameters(
                1, 10, n_channels=(16, 32), kernel_sizes=(4, 5), dense_hiddens=(256, 256)
            ),
        ),
        _sums(say("sums of the probabilities of 5 images of 1 × 28 × 28"), p),
        _sums(say("the same network on images of 1 × 40 × 36"), of_wider),
        same_tensors(
            say("norm of the gradient, against torch’s own pooling (largest difference)"),
            ours,
            expected,
        ),
    )
    yield Code(
        text=repr(network),
        language="text",
        title=say("The assignment’s example: 16 and 32 channels, 4 × 4 and 5 × 5 kernels"),
    )


def normalized_pixels(lab: LabReport) -> Iterator[Block]:
    """1.6."""
    yield lab.prose(
        "Each of the 784 pixels is a feature: the mean $m_j$ and the standard deviation $s_j$ of "
        "pixel $j$ over the training images centre and scale all three sets, so nothing of the "
        "validation and test images leaks into the training. A pixel that is the same in all "
        "training images has $s_j = 0$; it is only centred, where a division would give NaN."
    )
    yield Equation(source="hat(x)_(n j) = frac(x_(n j) - m_j, s_j)")
    yield source(Trainer.normalize, refusals=True)
    raw = SmallTrainer.load_dataset("")
    train, valid, test = (X for X, _ in Trainer.normalize(*raw))
    X = raw[0][0]
    constant = X.amin(0) == X.amax(0)
    assert bool(constant.any())
    varying = ~constant
    by_hand = (raw[1][0] - X.mean(0)) / X.std(0)
    say = lab.say
    mean, spread = train.mean(0)[varying], train.std(0)[varying]
    yield checks_table(
        lab,
        Check(say("means of the training pixels (largest)"), largest(mean), 0.0),
        Check(
            say("standard deviations of the training pixels (mean)"),
            float(spread.mean()),
            1.0,
            largest(spread - 1),
        ),
        Check(
            say("validation, scaled by the numbers of the training set (mean)"),
            float(valid[:, varying].mean()),
            float(by_hand[:, varying].mean()),
            largest((valid - by_hand)[:, varying]),
        ),
        Check(
            say("values that are not finite, in all sets"),
            sum(int((~part.isfinite()).sum()) for part in (train, valid, test)),
            0,
        ),
    )
    yield lab.prose(
        "On 200 training, 100 validation and 100 test images of Fashion-MNIST, where {n} pixels "
        "are constant in the training set.",
        n=lab.numbers.integer(int(constant.sum())),
    )
