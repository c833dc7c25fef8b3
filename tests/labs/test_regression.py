"""The assignment's own cells run on our names, and the mathematics is the document's."""

import inspect

import matplotlib as mpl
import pytest
import torch

from retroprop.errors import UserError
from retroprop.labs.inf8225_tp1 import mlp, regression
from retroprop.labs.inf8225_tp1.regression import InMemoryLoader, LinearModel

ANALYSIS_CELL = """
from retroprop.labs.inf8225_tp1.regression import *
batch_size = 1000
lr = 0.001

with torch.no_grad():
  data_loader_train, data_loader_val, data_loader_test = get_fashion_mnist_dataloaders(val_percentage=0.1, batch_size=batch_size)

  model = LinearModel(num_features=784, num_classes=10)
  best_model, best_val_accuracy, logger = train(model,lr=lr, nb_epochs=2, sgd=False,
                                                data_loader_train=data_loader_train, data_loader_val=data_loader_val)
  logger.plot_loss_and_accuracy()
  print(f"Best validation accuracy = {best_val_accuracy*100:.3f}")

  accuracy_test, loss_test = accuracy_and_loss_whole_dataset(data_loader_test, best_model)
print("Evaluation of the best training model over test set")
print("-----")
print(f"Loss : {loss_test:.3f}")
print(f"Accuracy : {accuracy_test*100:.3f}")
"""  # noqa: E501 - the notebook's own line


def test_the_analysis_cell_of_the_notebook_runs_unchanged(capsys):
    torch.manual_seed(0)
    names = {"torch": torch}
    exec(ANALYSIS_CELL, names)
    mpl.pyplot.close("all")
    printed = capsys.readouterr().out
    assert printed.count("Epoch ") == 3
    assert "Train: loss=2.3" in printed  # the untrained model: ln 10
    assert float(names["best_val_accuracy"]) > 0.75
    assert float(names["accuracy_test"]) > 0.75
    assert names["best_model"].params.shape == (785, 10)
    assert len(names["logger"].losses_valid) == 3


def test_the_split_is_ninety_ten_and_every_image_is_in_one_part():
    torch.manual_seed(0)
    train, val, test = regression.get_fashion_mnist_dataloaders(batch_size=20)
    assert (len(train), len(val), len(test)) == (2700, 300, 500)
    x, y = next(iter(train))
    assert x.shape == (20, 1, 28, 28)
    assert y.shape == (20,)
    assert x.min() >= 0
    assert x.max() <= 1
    counts = torch.bincount(torch.cat((train.labels, val.labels)))
    assert counts.tolist() == [6000] * 10


def test_gradient_is_the_summed_one_of_autograd():
    x, y = small_batch()
    model = LinearModel(784, 10)
    params = model.params.clone().requires_grad_()
    logits = torch.cat((x, torch.ones(len(x), 1)), 1) @ params
    loss = torch.nn.functional.cross_entropy(logits, y.argmax(1), reduction="sum")
    (expected,) = torch.autograd.grad(loss, params)
    torch.testing.assert_close(model.get_grads(y, model.forward(x), x), expected)


@pytest.mark.parametrize("sgd", [True, False])
def test_updates_equal_the_equations_of_the_document(sgd):
    x, y = small_batch()
    model = LinearModel(784, 10)
    assert (model.t, model.m_t, model.v_t) == (0, 0, 0)
    params = model.params.clone().double()
    m = v = 0.0
    for t in range(1, 6):
        grads = model.get_grads(y, model.forward(x), x)
        if sgd:
            model.sgd_update(0.01, grads)
            params -= 0.01 * grads
        else:
            model.adam_update(0.01, grads)
            m = 0.9 * m + 0.1 * grads.double()
            v = 0.999 * v + 0.001 * grads.double() ** 2
            params -= 0.01 * (m / (1 - 0.9**t)) / (torch.sqrt(v / (1 - 0.999**t)) + 1e-8)
    torch.testing.assert_close(model.params.double(), params, rtol=2e-5, atol=2e-6)
    assert model.t == (0 if sgd else 5)


def after_steps(model, n):
    x, y = small_batch()
    for _ in range(n):
        model.adam_update(0.01, model.get_grads(y, model.forward(x), x))
    return model.params.clone()


class AsInTheTemplate(LinearModel):
    """The template's own `__init__` and update, which set what ours derives."""

    def __init__(self, num_features, num_classes):
        self.params = torch.zeros(num_features + 1, num_classes)
        self.t = 0
        self.m_t = 0
        self.v_t = 0

    def adam_update(self, lr, grads):
        self.t += 1
        self.m_t = 0.9 * self.m_t + 0.1 * grads
        self.v_t = 0.999 * self.v_t + 0.001 * grads**2
        m_hat, v_hat = self.m_t / (1 - 0.9**self.t), self.v_t / (1 - 0.999**self.t)
        self.params -= lr * m_hat / (torch.sqrt(v_hat) + 1e-8)


def test_the_template_s_own_init_and_update_run_on_our_model():
    ours, theirs = LinearModel(784, 10), AsInTheTemplate(784, 10)
    ours.params.zero_()
    torch.testing.assert_close(after_steps(theirs, 5), after_steps(ours, 5), rtol=1e-4, atol=1e-5)
    assert theirs.t == ours.t == 5
    torch.testing.assert_close(theirs.m_t, ours.m_t)
    torch.testing.assert_close(theirs.v_t, ours.v_t)


def test_what_adam_remembers_can_be_set():
    fresh, model = LinearModel(784, 10), LinearModel(784, 10)
    after_steps(model, 7)
    model.t, model.m_t, model.v_t = 0, 0, 0
    model.params = fresh.params.clone()
    assert torch.equal(after_steps(model, 3), after_steps(fresh, 3))
    moved = LinearModel(784, 10)
    moved.t, moved.m_t, moved.v_t = fresh.t, fresh.m_t, fresh.v_t
    moved.params = fresh.params.clone()
    torch.testing.assert_close(after_steps(moved, 2), after_steps(fresh, 2))
    assert moved.t == 5
    assert moved.m_t is not fresh.m_t


def test_the_best_model_is_a_copy_that_later_epochs_do_not_change():
    """A learning rate that ruins the model after its first epoch."""
    torch.manual_seed(0)
    loader = small_loader()
    model = LinearModel(784, 10)
    best, best_accuracy, logger = regression.train(
        model, lr=0.5, nb_epochs=4, data_loader_train=loader, data_loader_val=loader
    )
    assert best is not model
    again, _ = regression.accuracy_and_loss_whole_dataset(loader, best)
    assert float(again) == float(best_accuracy) == max(map(float, logger.accuracies_valid))


def test_evaluation_of_any_loader_equals_that_in_large_batches():
    loader, model = small_loader(), LinearModel(784, 10)
    ours = regression.accuracy_and_loss_whole_dataset(loader, model)
    theirs = regression.accuracy_and_loss_whole_dataset(list(loader), model)
    torch.testing.assert_close(ours, theirs)


def test_softmax_and_cross_entropy_are_those_of_the_document():
    p = regression.softmax(torch.tensor([[1000, 10000, 100000]]))
    assert p.tolist() == [[0.0, 0.0, 1.0]]
    y = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    loss = regression.cross_entropy(y, torch.tensor([[0.25, 0.75], [1.0, 0.0]]))
    assert float(loss) == pytest.approx(-torch.log(torch.tensor(0.25)).item() + 27.631, rel=1e-4)
    acc, (right, n) = regression.accuracy(y, torch.tensor([[0.9, 0.1], [0.6, 0.4]]))
    assert (float(acc), int(right), int(n)) == (0.5, 1, 2)


def test_inputs_tilde_appends_ones_along_the_axis():
    x = torch.zeros(2, 3)
    assert regression.inputs_tilde(x)[:, -1].tolist() == [1, 1]
    assert regression.inputs_tilde(x, axis=0)[-1].tolist() == [1, 1, 1]
    whole = regression.inputs_tilde(torch.tensor([[1, 2], [3, 4]]))
    assert whole.dtype == torch.float32  # as the template's torch.cat with torch.ones
    assert whole.tolist() == [[1, 2, 1], [3, 4, 1]]
    assert regression.inputs_tilde(x.double()).dtype == torch.float64


def test_loaders_have_what_torchs_have():
    loader = small_loader()
    assert len(loader.dataset) == 12
    image, label = loader.dataset[3]
    assert torch.equal(image, loader.images[3])
    assert f"Label: {label}" == f"Label: {int(loader.labels[3])}"
    *_, test = regression.get_fashion_mnist_dataloaders(batch_size=20, num_workers=4)
    assert (len(test.dataset), test.num_workers, test.batch_size) == (10_000, 4, 20)
    assert InMemoryLoader(test.images, test.labels, batch_size=5, num_workers=2).num_workers == 2


def parameters_of(function):
    return [
        name if parameter.default is parameter.empty else (name, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
    ]


TRAIN = [
    "model", ("lr", 0.1), ("nb_epochs", 10), ("sgd", True), ("data_loader_train", None),
    ("data_loader_val", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (regression.accuracy, ["y", "y_pred"]),
        (regression.accuracy_and_loss_whole_dataset, ["data_loader", "model"]),
        (regression.cross_entropy, ["y", "y_pred"]),
        (regression.softmax, ["x", ("axis", -1)]),
        (regression.inputs_tilde, ["x", ("axis", -1)]),
        (regression.reshape_input, ["x", "y"]),
        (
            regression.get_fashion_mnist_dataloaders,
            [("val_percentage", 0.1), ("batch_size", 1), ("num_workers", 0)],
        ),
        (regression.train, TRAIN),
        (regression.plot_samples, []),
        (LinearModel, ["num_features", "num_classes"]),
        (LinearModel.forward, ["self", "x"]),
        (LinearModel.get_grads, ["self", "y", "y_pred", "X"]),
        (LinearModel.sgd_update, ["self", "lr", "grads"]),
        (LinearModel.adam_update, ["self", "lr", "grads"]),
        (regression.Logger, []),
        (
            regression.Logger.log,
            ["self", ("accuracy_train", 0), ("loss_train", 0), ("accuracy_valid", 0),
             ("loss_valid", 0)],
        ),
        (
            regression.Logger.plot_loss_and_accuracy,
            ["self", ("train", True), ("valid", True)],
        ),
        (regression.Logger.print_last, ["self"]),
        (mlp.relu_forward, ["x"]),
        (mlp.relu_backward, ["x"]),
        (mlp.softmax_cross_entropy_backward, ["y", "y_pred"]),
        (mlp.train, TRAIN),
        (mlp.MLPModel, ["n_features", "n_hidden_features", "n_hidden_layers", "n_classes"]),
        (mlp.MLPModel.forward, ["self", "x"]),
        (mlp.MLPModel.backward, ["self", "y", "y_pred"]),
        (mlp.MLPModel.sgd_update, ["self", "lr", "grads"]),
        (mlp.MLPModel.adam_update, ["self", "lr", "grads"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)  # fmt: skip
def test_arguments_and_defaults_are_the_templates(function, parameters):
    assert parameters_of(function) == parameters


def test_a_logger_that_is_asked_for_nothing_says_so():
    with pytest.raises(UserError, match="ask for train=True"):
        regression.Logger().plot_loss_and_accuracy(train=False, valid=False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"val_percentage": 0.0}, "fraction between 0 and 1"),
        ({"val_percentage": 1.5}, "fraction between 0 and 1"),
        ({"batch_size": 0}, "from 1 to 54000"),
        ({"batch_size": 60_000}, "from 1 to 54000"),
    ],
)
def test_impossible_loaders_are_refused_in_a_sentence(arguments, sentence):
    with pytest.raises(UserError, match=sentence):
        regression.get_fashion_mnist_dataloaders(**arguments)


def test_training_without_loaders_is_refused_in_a_sentence():
    with pytest.raises(UserError, match="data_loader_train"):
        regression.train(LinearModel(784, 10))


def small_batch():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(12, 784, generator=generator)
    return x, torch.eye(10)[torch.randint(0, 10, (12,), generator=generator)]


def small_loader():
    x, y = small_batch()
    return InMemoryLoader(x.view(-1, 1, 28, 28), y.argmax(1), batch_size=4)
