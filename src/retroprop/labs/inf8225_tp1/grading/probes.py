"""What lab C's grading asks of a submission: functions (submission, values) → answer.

This text runs in the confined process, beside the submission, so it holds no right answer. An
answer is what the submission gave; what it raised goes through, with its line. The assignment's
cells run without autograd, and so do these; what fails so is tried with it.
"""

from typing import ClassVar

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset


def without_autograd(call, *arguments):
    """What a call gives under no_grad or, if it raises there, with autograd."""
    try:
        with torch.no_grad():
            return call(*arguments)
    except Exception:
        return call(*arguments)


def attempt(call):
    """What a call gives, or None where it raises."""
    try:
        return call()
    except Exception:
        return None


# --- part 1 ---------------------------------------------------------------------------------------


def answer_to_query(submission, values):
    """The probabilities of a question, one after the other; None where there are none."""
    letter = values["letter"]
    answers = getattr(submission.solution, "answers", None)
    if isinstance(answers, dict) and letter in answers:
        given = answers[letter]
    else:
        given = getattr(submission.solution, "answer_" + letter, None)
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, dict):
        given = [given[state] for state in sorted(given)]
    return torch.tensor(np.asarray(given, dtype=float).ravel())


# --- functions ------------------------------------------------------------------------------------


def function(submission, values):
    """What a function gives of its arguments, and of a second list of arguments."""
    called = getattr(submission.solution, values["function"])
    found = {"answer": without_autograd(lambda: called(*copies(values["arguments"])))}
    if "also" in values:
        found["also"] = attempt(lambda: called(*copies(values["also"])))
    return found


def copies(arguments):
    """The arguments, so that what is changed in place is not ours."""
    return [one.clone() if isinstance(one, torch.Tensor) else one for one in arguments]


# --- models ---------------------------------------------------------------------------------------


def linear_model(submission, values):
    """A LinearModel of these weights, and what makes its tensors look like ours, and back."""
    weights = values["weights"][0]
    made = submission.solution.LinearModel(weights.shape[0] - 1, weights.shape[1])
    layout = layout_of(made.params, weights)
    made.params = layout(weights.clone())
    return made, lambda tensors: layout(tensors[0]), lambda found: [layout(found)]


def layered_model(submission, values):
    """An MLPModel of these weights, in its own layout: biases last, or none."""
    weights = values["weights"]
    hidden = weights[0].shape[1] if len(weights) > 1 else values["width"]
    sizes = (weights[0].shape[0] - 1, hidden, len(weights) - 1, weights[-1].shape[1])
    made = submission.solution.MLPModel(*sizes)
    params = list(made.params)
    if len(params) != len(weights):
        raise ValueError(
            f"params has {len(params)} tensors: one for each of the {len(weights)} layers is "
            "expected"
        )
    layouts = [layout_of(own, ours) for own, ours in zip(params, weights, strict=True)]

    def laid_out(tensors):
        return [layout(tensor) for layout, tensor in zip(layouts, tensors, strict=False)]

    made.params = laid_out([weight.clone() for weight in weights])
    return made, laid_out, lambda found: laid_out(list(found))


def layout_of(own, ours):
    """What brings a tensor (inputs + 1, outputs) into the shape of a model's own, and back."""
    inputs, outputs = ours.shape
    shape = tuple(own.shape)
    if shape == (inputs, outputs):
        return lambda tensor: tensor
    if shape == (outputs, inputs):
        return lambda tensor: tensor.T
    if shape == (inputs - 1, outputs):
        return lambda tensor: tensor[:-1] if tensor.shape[0] == inputs else tensor
    if shape == (outputs, inputs - 1):
        return lambda tensor: tensor[:-1].T if tensor.shape[0] == inputs else tensor.T
    raise ValueError(
        f"params has a tensor of shape {shape}: {(inputs, outputs)} or its transpose is expected"
    )


MODELS = {"linear": linear_model, "layered": layered_model}


def shapes_of_parameters(submission, values):
    """The shapes of an MLPModel's parameters, and whether each varies."""
    made = submission.solution.MLPModel(*values["sizes"])
    params = list(made.params)
    rows = [param.detach().double() for param in params]
    return {
        "shapes": [list(row.shape) for row in rows],
        "varies": [bool(row.std() > 0) for row in rows],
    }


def outputs(submission, values):
    """What networks give, one after the other."""

    def given(network):
        made, _, _ = MODELS[values["model"]](submission, network)
        return made.forward(network["x"].clone())

    return [without_autograd(given, network) for network in values["networks"]]


def gradients_of_linear(submission, values):
    """What get_grads gives for these probabilities."""
    made, _, ours = linear_model(submission, values)
    arguments = copies([values["y"], values["p"], values["x"]])
    return ours(without_autograd(lambda: made.get_grads(*arguments)))[0]


def gradients_of_layers(submission, values):
    """Probabilities, and gradients of every layer, of networks one after the other."""

    def given(network):
        made, _, ours = layered_model(submission, network)
        p = made.forward(network["x"].clone())
        if p is None:
            raise ValueError("forward gives nothing that backward could begin with")
        kept = p.detach().clone()
        grads = made.backward(network["y"].clone(), p)
        return {"p": kept, "gradients": ours(grads)}

    return [without_autograd(given, network) for network in values["networks"]]


def updates(submission, values):
    """The weights after each of some updates with given gradients."""

    def given():
        made, laid_out, ours = MODELS[values["model"]](submission, values)
        update = getattr(made, values["update"])
        found = []
        for gradients in values["gradients"]:
            update(values["lr"], laid_out([one.clone() for one in gradients]))
            found.append([one.detach().clone() for one in ours(made.params)])
        return found

    return without_autograd(given)


# --- whole sets and training ----------------------------------------------------------------------


class Scripted:
    """A model whose outputs, after n updates, are the n-th ten pixels of an image."""

    params_in_list = False
    calls: ClassVar[list] = []

    def __init__(self, *sizes, **named):
        self.num_features = self.n_features = 784
        self.num_classes = self.n_classes = 10
        self.n_hidden_features, self.n_hidden_layers = 5, 1
        self.params = [torch.zeros(1, 1)] if self.params_in_list else torch.zeros(1, 1)
        self.t = self.m_t = self.v_t = 0
        self.a = self.h = None

    def forward(self, x):
        """Ten pixels of each image."""
        n = int(float(self.params[0].reshape(-1)[0]))
        return x.reshape(len(x), -1)[:, 10 * n : 10 * n + 10].clone()

    __call__ = forward

    def get_grads(self, *arguments):
        """Something for the update."""
        return torch.ones(1, 1)

    backward = get_grads

    def sgd_update(self, lr, grads):
        """One update more."""
        self.calls.append(["sgd", float(lr)])
        self.params[0].add_(1)

    def adam_update(self, lr, grads):
        """One update more."""
        self.calls.append(["adam", float(lr)])
        self.params[0].add_(1)


def loader(examples, batch_size):
    """A loader of images and labels, in their order."""
    return DataLoader(TensorDataset(*examples), batch_size=batch_size)


def with_given_functions(submission):
    """The submission's module, with the assignment's own functions where they are missing."""
    solution = submission.solution
    if not hasattr(solution, "reshape_input"):
        solution.reshape_input = lambda x, y: (x.view(-1, 784), torch.eye(10)[y])
    return solution


def whole_set(submission, values):
    """Accuracy and loss on a set, for several batch sizes."""
    evaluate = with_given_functions(submission).accuracy_and_loss_whole_dataset

    def given(batch_size):
        data = loader([values["images"], values["labels"]], batch_size)
        return list(evaluate(data, Scripted()))

    return [without_autograd(given, size) for size in values["batch_sizes"]]


def training(submission, values):
    """What train returns for a model whose accuracies are known, and which updates it made."""
    solution = with_given_functions(submission)
    own = {name: getattr(solution, name, None) for name in ("LinearModel", "MLPModel")}

    def given(params_in_list):
        Scripted.params_in_list, Scripted.calls = params_in_list, []
        solution.LinearModel = solution.MLPModel = Scripted  # a copy may be made by its class
        best, accuracy, _ = solution.train(
            Scripted(),
            lr=values["lr"],
            nb_epochs=values["epochs"],
            sgd=values["sgd"],
            data_loader_train=loader(values["train"], values["batch_size"]),
            data_loader_val=loader(values["valid"], values["batch_size"]),
        )
        return {
            "best": None if best is None else best.forward(values["valid"][0]),
            "accuracy": accuracy,
            "calls": Scripted.calls,
        }

    try:
        return without_autograd(given, False)
    except Exception:
        return without_autograd(given, True)
    finally:
        for name, model in own.items():
            setattr(solution, name, model)
