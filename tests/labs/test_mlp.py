"""Part 3 of INF8225's TP1: its cells run on our names, and its gradients are autograd's."""

import matplotlib as mpl
import pytest
import torch

from retroprop.errors import UserError
from retroprop.labs.inf8225_tp1 import mlp
from retroprop.labs.inf8225_tp1.mlp import MLPModel
from retroprop.labs.inf8225_tp1.regression import InMemoryLoader

SIZES = [(1, 7, 1), (3, 5, 2), (2, 4, 5), (4, 1, 3), (5, 6, 0)]  # batch, width, hidden layers

TEMPLATE_TRAIN = """
from retroprop.labs.inf8225_tp1.mlp import *

def train(model, lr=0.1, nb_epochs=10, sgd=True, data_loader_train=None, data_loader_val=None):
    best_model = None
    best_val_accuracy = 0
    logger = Logger()

    for epoch in range(nb_epochs+1):

        # at epoch 0 evaluate random initial model
        # then for subsequent epochs, do optimize before evaluation.
        if epoch > 0:
            for x, y in data_loader_train:
                x, y = reshape_input(x, y)

                y_pred = model.forward(x)
                grads = model.backward(y, y_pred)
                if sgd:
                    model.sgd_update(lr, grads)
                else:
                    model.adam_update(lr, grads)

        accuracy_train, loss_train = accuracy_and_loss_whole_dataset(data_loader_train, model)
        accuracy_val, loss_val = accuracy_and_loss_whole_dataset(data_loader_val, model)

        if accuracy_val > best_val_accuracy:
            best_model, best_val_accuracy = model, accuracy_val

        logger.log(accuracy_train, loss_train, accuracy_val, loss_val)
        print(f"Epoch {epoch:2d}, \\
            Train:loss={loss_train.item():.3f}, accuracy={accuracy_train.item()*100:.1f}%, \\
            Valid: loss={loss_val.item():.3f}, accuracy={accuracy_val.item()*100:.1f}%")

    return best_model, best_val_accuracy, logger

with torch.no_grad():
    MLP_model = MLPModel(n_features=784, n_hidden_features=30, n_hidden_layers=5, n_classes=10)
    best_model, best_val_accuracy, logger = train(
        MLP_model, lr=1e-3, nb_epochs=3, sgd=False,
        data_loader_train=data_loader_train, data_loader_val=data_loader_val)
    logger.plot_loss_and_accuracy()
    accuracy_test, loss_test = accuracy_and_loss_whole_dataset(data_loader_test, best_model)
"""


@pytest.fixture(scope="module")
def fashion():
    """Two thousand training images, a thousand to validate and a thousand to test."""
    torch.manual_seed(0)
    train, validation, test = mlp.get_fashion_mnist_dataloaders(batch_size=50)
    return {
        "data_loader_train": InMemoryLoader(train.images[:2000], train.labels[:2000], 50),
        "data_loader_val": InMemoryLoader(validation.images[:1000], validation.labels[:1000], 50),
        "data_loader_test": InMemoryLoader(test.images[:1000], test.labels[:1000], 50),
    }


@pytest.mark.parametrize(("batch", "width", "depth"), SIZES)
def test_every_gradient_is_the_summed_one_of_autograd(batch, width, depth):
    model, x, y = small(batch, width, depth)
    theta = [p.clone().requires_grad_() for p in model.params]
    h = x
    for layer, p in enumerate(theta):
        a = torch.cat((h, h.new_ones(batch, 1)), 1) @ p
        h = torch.relu(a) if layer < depth else a
    loss = torch.nn.functional.cross_entropy(h, y.argmax(1), reduction="sum")
    expected = torch.autograd.grad(loss, theta)
    got = model.backward(y, model.forward(x))
    assert [g.shape for g in got] == [p.shape for p in model.params]
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


def test_a_and_h_are_those_of_the_document():
    model, x, _ = small(3, 5, 2)
    p = model.forward(x)
    assert [tuple(a.shape) for a in model.a] == [(3, 5), (3, 5), (3, 4)]
    assert [tuple(h.shape) for h in model.h] == [(3, 6), (3, 5), (3, 5)]
    torch.testing.assert_close(model.h[1], model.a[0].clamp(min=0))
    torch.testing.assert_close(p, model.a[2].softmax(1))


@pytest.mark.parametrize("sgd", [True, False])
def test_updates_equal_torch_optim(sgd):
    model, x, y = small(4, 5, 3)
    assert (model.t, model.m_t, model.v_t) == (0, 0, 0)
    theta = [torch.nn.Parameter(p.clone()) for p in model.params]
    make = torch.optim.SGD if sgd else torch.optim.Adam
    twin = make(theta, lr=0.01)
    for lr in [0.01] * 10 + [0.003] * 10:
        twin.param_groups[0]["lr"] = lr
        grads = model.backward(y, model.forward(x))
        for p, g in zip(theta, grads, strict=True):
            p.grad = g.clone()
        twin.step()
        (model.sgd_update if sgd else model.adam_update)(lr, grads)
    for ours, theirs in zip(model.params, theta, strict=True):
        torch.testing.assert_close(ours, theirs.data, rtol=1e-12, atol=1e-13)
    assert model.t == (0 if sgd else 20)
    assert sgd or [m.shape for m in model.m_t] == [p.shape for p in model.params]


def test_what_adam_remembers_of_each_layer_can_be_set():
    model, x, y = small(4, 5, 2)
    start = [p.clone() for p in model.params]

    def after(steps):
        for _ in range(steps):
            model.adam_update(0.01, model.backward(y, model.forward(x)))
        return [p.clone() for p in model.params]

    first = after(3)
    kept = model.t, [m.clone() for m in model.m_t], model.v_t
    fourth = after(1)
    model.t, model.m_t, model.v_t = kept
    model.params = [p.clone() for p in first]
    for again, once in zip(after(1), fourth, strict=True):
        torch.testing.assert_close(again, once)
    model.t = model.m_t = model.v_t = 0
    model.params = start
    assert model.t == 0
    assert all((m == 0).all() for m in model.m_t)
    for again, once in zip(after(3), first, strict=True):
        torch.testing.assert_close(again, once)


def test_the_template_s_own_loop_trains_five_layers(fashion, capsys):
    torch.manual_seed(0)
    names = {"torch": torch, **fashion}
    exec(TEMPLATE_TRAIN, names)
    mpl.pyplot.close("all")
    printed = capsys.readouterr().out
    assert printed.startswith("Teta params=[torch.Size([785, 30]), torch.Size([31, 30]),")
    assert printed.count("Epoch ") == 4
    assert float(names["accuracy_test"]) > 0.6


def test_our_loop_returns_a_copy_of_the_best_model(fashion, capsys):
    torch.manual_seed(0)
    model = MLPModel(784, 30, 1, 10)
    best, best_accuracy, logger = mlp.train(
        model,
        lr=0.002,
        nb_epochs=2,
        data_loader_train=fashion["data_loader_train"],
        data_loader_val=fashion["data_loader_val"],
    )
    assert best is not model
    again, _ = mlp.accuracy_and_loss_whole_dataset(fashion["data_loader_val"], best)
    assert float(again) == float(best_accuracy) == max(map(float, logger.accuracies_valid))
    assert float(best_accuracy) > 0.6


def test_the_functions_on_their_own():
    x = torch.tensor([[-1.0, 0.0, 2.0]])
    assert mlp.relu_forward(x).tolist() == [[0.0, 0.0, 2.0]]
    assert mlp.relu_backward(x).tolist() == [[0.0, 0.0, 1.0]]
    y, p = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.25, 0.75]])
    assert mlp.softmax_cross_entropy_backward(y, p).tolist() == [[0.25, -0.25]]


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [((0, 5, 1, 3), "n_features"), ((4, 0, 1, 3), "n_hidden_features"), ((4, 5, -1, 3), "0 or m")],
)
def test_impossible_sizes_are_refused_in_a_sentence(sizes, sentence):
    with pytest.raises(UserError, match=sentence):
        MLPModel(*sizes)


def test_backward_on_another_minibatch_than_forward_is_refused():
    model, x, y = small(3, 5, 1)
    with pytest.raises(UserError, match="forward last saw none"):
        model.backward(y, y)
    model.forward(x[:2])
    with pytest.raises(UserError, match="forward last saw one of 2"):
        model.backward(y, y)


def small(batch, width, depth):
    """A float64 model of 6 features and 4 classes with biases that are not 0, and a minibatch."""
    torch.manual_seed(0)
    model = MLPModel(6, width, depth, 4)
    model.params = [p.double() + 0.1 * torch.randn(p.shape).double() for p in model.params]
    x = torch.randn(batch, 6).double()
    return model, x, torch.eye(4).double()[torch.randint(0, 4, (batch,))]
