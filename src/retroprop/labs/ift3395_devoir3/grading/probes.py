"""What lab A's grading asks of a submission: functions (submission, values) → answer.

This text runs in the confined process, beside the submission, so it holds no right answer. An
answer is what the submission gave; what it raised goes through, with its line.
"""

import torch
from torch import nn

FUNCTIONS = {
    "product": lambda x, y: (x * y).sum(),
    "three shapes": lambda x, y, z: (x @ y).tanh().sum() * (z**2).mean(),
    "second unused": lambda x, y: (x**3).sum(),
    "vector": lambda x: torch.stack([(x**2).sum(), x.prod(), (x[0] * x[1]).sum()]),
    "matrix": lambda x: x.T @ x.sin(),
    "number": lambda x: (x.sin() * x).sum(),
}
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
CONFIGURATION = ("n_channels", "kernel_sizes", "strides", "paddings", "dense_hiddens")
LEARNING_RATE = 0.05
BATCH_SIZE = 4


# --- questions 1 and 2 ----------------------------------------------------------------------------


def norm_of_derivatives(submission, values):
    """The norm of a gradient or a Jacobian; once more with the same tensors, and with plain ones.

    "again" and "plain" are None where the second or third call raises.
    """
    norm = getattr(submission.solution, values["norm"])
    function = FUNCTIONS[values["function"]]
    inputs = [x.clone().requires_grad_() for x in values["inputs"]]
    return {
        "norm": norm(function, *inputs),
        "again": attempt(lambda: norm(function, *inputs)),
        "plain": attempt(lambda: norm(function, *(x.clone() for x in values["inputs"]))),
    }


def attempt(call):
    """What a call gives, or None where it raises."""
    try:
        return call()
    except Exception:
        return None


# --- questions 3 to 5 -----------------------------------------------------------------------------


def activation(submission, values):
    """What the activation function is, and what it gives."""
    made = submission.solution.Trainer.create_activation_function(values["name"])
    if not callable(made):
        return made
    if isinstance(made, type):
        return {"kind": "class", "outputs": made()(values["x"])}
    kind = "module" if isinstance(made, nn.Module) else "function"
    return {"kind": kind, "outputs": made(values["x"])}


def network(submission, values):
    """The layers of a network in the order in which they run, its weights, and what it gives."""
    solution = submission.solution
    configuration = solution.NetworkConfiguration(
        **{name: tuple(values[name]) for name in CONFIGURATION}
    )
    create = getattr(solution.Trainer, "create_" + values["kind"])
    chosen = ACTIVATIONS[values["activation"]]()
    made = create(values["first"], configuration, values["n_classes"], chosen)
    if not isinstance(made, nn.Module):
        return made
    with torch.no_grad():
        made(values["images"])  # makes the weights of lazy layers
        draw_weights(made, values["seed"])
        layers, outputs = layers_that_run(made, values["images"])
    if layers:
        weights = [tensor for layer in layers for tensor in (layer.weight, layer.bias)]
    else:
        weights = list(made.parameters())
    return {
        "layers": ["Conv2d" if isinstance(layer, nn.Conv2d) else "Linear" for layer in layers],
        "weights": weights,
        "outputs": outputs,
    }


def draw_weights(network, seed):
    """Weights that are large enough to tell one network from another by its outputs."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in network.parameters():
        inputs = tensor[0].numel() if tensor.ndim > 1 else 4
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * 1.5 / inputs**0.5)


def layers_that_run(network, images):
    """The network's Conv2d and Linear layers in the order of a forward pass, and its outputs."""
    known = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    order = []
    for layer in known:
        layer.register_forward_hook(lambda layer, inputs, outputs: order.append(layer))
    outputs = network(images)
    return order or known, outputs  # without a call of a layer: its weights were used directly


# --- questions 6 and 7 ----------------------------------------------------------------------------


def normalized(submission, values):
    """The three sets after normalization."""
    sets = [(values[name].clone(), values[name + "_labels"]) for name in ("train", "valid", "test")]
    return submission.solution.Trainer.normalize(*sets)


def one_hot(submission, values):
    """Labels as rows."""
    return with_trainer(submission, values, lambda trainer: trainer.one_hot(values["labels"]))


# --- questions 8 to 11 ----------------------------------------------------------------------------


def loss_and_accuracy(submission, values):
    """What the loss and the accuracy of a minibatch are."""

    def use(trainer):
        return trainer.compute_loss_and_accuracy(values["images"], rows_of(values))

    return both(with_trainer(submission, values, use))


def gradients_of_loss(submission, values):
    """The gradients that the loss gives the parameters; fewer keys where it gives none."""

    def use(trainer):
        pair = trainer.compute_loss_and_accuracy(values["images"], rows_of(values))
        parts = pair if isinstance(pair, tuple | list) and pair else [pair]
        # in whatever order they come: that is another check
        tensors = [one for one in parts if isinstance(one, torch.Tensor) and one.requires_grad]
        parameters = list(trainer.network.parameters())
        if any(parameter.grad is not None for parameter in parameters):
            return {"graph": True, "untouched": False}
        if not tensors:
            return None if pair is None else {"graph": False}
        tensors[0].backward()
        gradients = [one.grad for one in parameters]
        if all(one is None for one in gradients):  # the loss is a new tensor
            return {"graph": False}
        return {"graph": True, "untouched": True, "gradients": gradients}

    return with_trainer(submission, values, use)


def norm_of_gradients(submission, values):
    """The norm of the gradients that a network holds; "frozen": one parameter has none."""
    network = nested_network(values["weights"], values["kernels"])
    parameters = list(network.parameters())
    for parameter, gradient in zip(parameters, values["gradients"], strict=True):
        parameter.grad = gradient.clone()
    norm = submission.solution.Trainer.compute_gradient_norm
    answer = {"norm": norm(network)}
    parameters[0].grad = None
    return answer | {"frozen": attempt(lambda: norm(network))}


def training_steps(submission, values):
    """The norms that steps on consecutive minibatches return, and the weights after them."""
    nothing = {"norms": [None], "weights": None}

    def use(trainer):
        rows = rows_of(values).split(BATCH_SIZE)
        batches = zip(values["images"].split(BATCH_SIZE), rows, strict=True)
        norms = [trainer.training_step(*batch) for batch in batches]
        return {"norms": norms, "weights": list(trainer.network.parameters())}

    return once_more_with_stand_ins(submission, values, use, nothing)


def evaluation(submission, values):
    """The loss and the accuracy on a set, of labels or, if these raise, of one-hot rows.

    The submission's own one_hot is question 7's: here, ours stands in for it.
    """
    rows = rows_of(values)
    nothing = {"loss": None, "accuracy": None, "rows": False}

    def use(trainer):
        trainer.one_hot = lambda labels: torch.eye(values["n_classes"])[labels]
        try:
            return both(trainer.evaluate(values["images"], values["labels"])) | {"rows": False}
        except Exception:
            answer = attempt(lambda: trainer.evaluate(values["images"], rows))
            if answer is None:
                raise
            return both(answer) | {"rows": True}

    return once_more_with_stand_ins(submission, values, use, nothing)


def once_more_with_stand_ins(submission, values, use, nothing):
    """What `use` gives; "stand_in": with functions of ours instead of questions 8 and 9.

    Ours compute something else than these questions ask for. Where the submission's own raise, what
    it gives is `nothing`; where nothing works, that is raised.
    """

    def use_ours(trainer):
        trainer.compute_loss_and_accuracy = lambda X, y: loss_that_stands_in(trainer.network(X), y)
        trainer.compute_gradient_norm = norm_that_stands_in
        return use(trainer)

    ours = attempt(lambda: with_trainer(submission, values, use_ours))
    try:
        own = with_trainer(submission, values, use)
    except Exception:
        if ours is None:
            raise
        own = nothing
    return {**own, "stand_in": ours}


def loss_that_stands_in(p, y):
    """The squared error, and the fraction of examples that are given class 0."""
    return (p - y).square().sum(1).mean(), float((p.argmax(1) == 0).float().mean())


def norm_that_stands_in(network):
    """The largest absolute gradient."""
    return max(float(parameter.grad.abs().max()) for parameter in network.parameters())


def both(pair):
    """The two parts of what should be a pair; None for what is missing."""
    if isinstance(pair, tuple | list) and len(pair) == 2:
        return {"loss": pair[0], "accuracy": pair[1]}
    return {"loss": pair, "accuracy": None}


def rows_of(values):
    """Labels as one-hot rows."""
    return torch.eye(values["n_classes"])[values["labels"]]


def with_trainer(submission, values, use):
    """What `use` gives for a Trainer with our network, and with nothing loaded or trained.

    A Trainer whose own __init__ sets more than the template's is made by it, on small sets.
    """
    try:
        return use(equipped(object.__new__(submission.solution.Trainer), values))
    except AttributeError:
        trainer = attempt(lambda: equipped(initialized(submission.solution.Trainer), values))
        if trainer is None:
            raise
        return use(trainer)


def initialized(trainer):
    """A Trainer from its own __init__."""
    images, labels = torch.arange(96.0).view(8, 1, 3, 4).sin(), torch.arange(8) % 4

    class OnSmallSets(trainer):
        @staticmethod
        def load_dataset(datapath):
            return (images, labels), (images, labels), (images, labels)

    return OnSmallSets()


def equipped(trainer, values):
    """The Trainer with the attributes of the template, and with the network of these weights."""
    trainer.network = dense_network(values.get("weights", []))
    trainer.optimizer = torch.optim.Adam(
        trainer.network.parameters() if values.get("weights") else [torch.zeros(1)],
        lr=LEARNING_RATE,
    )
    trainer.network_type, trainer.datapath = "mlp", "./data"
    trainer.n_classes, trainer.epsilon = values["n_classes"], 1e-9
    trainer.lr, trainer.batch_size = LEARNING_RATE, BATCH_SIZE
    trainer.train_logs = {
        name: []
        for name in (
            "train_accuracy",
            "validation_accuracy",
            "train_loss",
            "validation_loss",
            "train_gradient_norm",
        )
    }
    return trainer


def dense_network(weights):
    """Flatten, linear layers of these weights and biases with tanh between them, softmax."""
    layers = [nn.Flatten()]
    for weight, bias in zip(weights[::2], weights[1::2], strict=True):
        layers += [linear(weight, bias), nn.Tanh()]
    return nn.Sequential(*layers[:-1], nn.Softmax(dim=1))


def linear(weight, bias):
    """A linear layer of these weights."""
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight, layer.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
    return layer


def nested_network(weights, kernels):
    """The dense network, after a convolution without a bias where there are kernels."""
    if kernels is None:
        return dense_network(weights)
    convolution = nn.Conv2d(kernels.shape[1], kernels.shape[0], 3, bias=False)
    convolution.weight = nn.Parameter(kernels.clone())
    return nn.Sequential(nn.Sequential(convolution, nn.ReLU()), dense_network(weights))
