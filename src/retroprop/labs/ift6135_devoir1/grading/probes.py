"""What is asked of a submission in its confined process; nothing here knows a right answer.

A probe of a network makes it, puts the weights of `values["weights"]` into it, and answers

    weights      what it holds then: parameters and statistics, by the assignment's names
    y            its output
    gradients    those of Σᵢ yᵢ cos i, with respect to every parameter and to "x"
    statistics   those of the normalizations, after the training step

This file is run as text: it imports nothing of ours.
"""

import contextlib
import math
import os
import sys
import tempfile
import zlib

import torch

# --- networks -------------------------------------------------------------------------------------


def linear(submission, values):
    """A linear layer."""
    return observed(submission.mlp.Linear(values["in"], values["out"]), values)


def linear_output(submission, values):
    """The output of the student's own linear layer."""
    layer = submission.mlp.Linear(values["weight"].shape[1], values["weight"].shape[0])
    put(layer, values)
    return layer(values["x"])


def mlp(submission, values):
    """A multilayer perceptron."""
    network = submission.mlp.MLP(
        values["input_size"], values["hidden_sizes"], values["classes"], values["activation"]
    )
    return observed(network, values)


def mlp_start(submission, values):
    """Weights of a multilayer perceptron before training."""
    network = submission.mlp.MLP(
        values["input_size"], values["hidden_sizes"], values["classes"], values["activation"]
    )
    return {"weights": held(network, values["names"])}


def activation(submission, values):
    """The method activation_fn, and its derivative."""
    network = submission.mlp.MLP(4, [3], 2, values["activation"])
    x = values["x"].clone().requires_grad_()
    y = network.activation_fn(values["activation"], x)
    y.sum().backward()
    return {"y": y, "dx": x.grad}


def basic_block(submission, values):
    """A block of ResNet-18."""
    block = submission.resnet18.BasicBlock(values["in_planes"], values["planes"], values["stride"])
    return observed(block, values)


def basic_block_output(submission, values):
    """The output of the student's own block, with the drawn weights that it has in ResNet-18."""
    block = submission.resnet18.BasicBlock(values["in_planes"], values["planes"], values["stride"])
    draw(block, values, values["prefix"])
    block.train(values["training"])
    with torch.no_grad():
        return block(values["x"])


def resnet18(submission, values):
    """ResNet-18: its weights are drawn here, by their names; they are too many to be sent."""
    network = submission.resnet18.ResNet18(values["classes"])
    draw(network, values)
    network.train(values["training"])
    y = network(values["x"])
    answer = {"y": y, "other_size": None}
    if not isinstance(y, torch.Tensor):
        return answer
    if values["training"]:
        against_fixed_numbers(y).backward()
        own = own_names(network, values["names"])
        state = state_of(network)
        found = {name: state[own[name]] for name in values["names"] if name in own}
        answer["gradients"] = {n: norm(t.grad) for n, t in found.items() if "running" not in n}
        answer["statistics"] = {n: norm(t) for n, t in found.items() if "running" in n}
    else:
        with contextlib.suppress(Exception):  # made for 32 × 32 pixels alone, perhaps
            answer["other_size"] = network(values["other"])
    return answer


def resnet18_size(submission, values):
    """How many parameters ResNet-18 has."""
    network = submission.resnet18.ResNet18(values["classes"])
    return sum(parameter.numel() for parameter in network.parameters())


def patch_embed(submission, values):
    """The patches of images, as vectors."""
    layer = submission.mlpmixer.PatchEmbed(
        values["img_size"], values["patch_size"], values["in_chans"], values["embed_dim"]
    )
    return observed(layer, values) | {"num_patches": getattr(layer, "num_patches", None)}


def patch_embed_output(submission, values):
    """The output of the student's own patch embedding."""
    layer = submission.mlpmixer.PatchEmbed(
        values["img_size"], values["patch_size"], embed_dim=values["embed_dim"]
    )
    put(layer, values)
    with torch.no_grad():
        return layer(values["x"])


def two_layers(submission, values):
    """The class Mlp."""
    layer = submission.mlpmixer.Mlp(values["features"], values["hidden"], torch.nn.GELU)
    return observed(layer, values)


def mixer_block(submission, values):
    """A block of the MLP-Mixer."""
    block = submission.mlpmixer.MixerBlock(
        values["dim"], values["seq_len"], values["mlp_ratio"], values["activation"]
    )
    return observed(block, values)


def mixer_block_output(submission, values):
    """The output of the student's own block."""
    block = submission.mlpmixer.MixerBlock(
        values["dim"], values["seq_len"], activation=values["activation"]
    )
    put(block, values)
    with torch.no_grad():
        return block.eval()(values["x"])


def mixer(submission, values):
    """An MLP-Mixer."""
    network = submission.mlpmixer.MLPMixer(
        values["classes"],
        values["img_size"],
        values["patch_size"],
        values["embed_dim"],
        values["num_blocks"],
        activation=values["activation"],
    )
    return observed(network, values)


def observed(network, values):
    """Put the weights in, go forward and backward."""
    put(network, values)
    network.train(bool(values.get("training")))
    names = values["names"]
    weights = held(network, names)
    x = values["x"].clone().requires_grad_()
    y = network(x.clone())  # which a network may overwrite
    if isinstance(y, torch.Tensor) and y.requires_grad:
        against_fixed_numbers(y).backward()
    own = own_names(network, names)
    parameters = dict(network.named_parameters())
    gradients = {
        name: parameters[own[name]].grad if own.get(name) in parameters else None
        for name in names
        if "running" not in name
    }
    gradients["x"] = x.grad
    after = held(network, names)
    statistics = {name: after.get(name) for name in names if "running" in name}
    return {"weights": weights, "y": y, "gradients": gradients, "statistics": statistics}


def against_fixed_numbers(y):
    """Σᵢ yᵢ cos i, a number whose gradient weighs every output differently."""
    return (y.flatten() * torch.arange(y.numel()).cos()).sum()


def norm(tensor):
    """Its Euclidean norm, as a number."""
    return None if tensor is None else float(tensor.detach().norm())


# --- weights --------------------------------------------------------------------------------------


def state_of(module):
    """Parameters, statistics and tensors that are neither, by name, without counts of batches."""
    state = module.state_dict(keep_vars=True)
    for prefix, part in module.named_modules():
        for name, value in vars(part).items():
            if isinstance(value, torch.Tensor):
                state[f"{prefix}.{name}" if prefix else name] = value
    return {name: tensor for name, tensor in state.items() if not name.endswith("batches_tracked")}


def own_names(module, names):
    """The assignment's name of each tensor → the module's own: by name, or by order and shape."""
    state, expected = state_of(module), list(names.items())
    if not all(name in state for name in names):
        shapes = [list(tensor.shape) for tensor in state.values()]
        if shapes == [list(shape) for _, shape in expected]:
            return dict(zip(names, state, strict=True))
    return {name: name for name in names if name in state}


def put(module, values):
    """Copy the values' weights into those of the same name and shape."""
    state, own = state_of(module), own_names(module, values["names"])
    with torch.no_grad():
        for name, weight in values.get("weights", {}).items():
            tensor = state.get(own.get(name))
            if tensor is not None and tensor.shape == weight.shape:
                tensor.copy_(weight)


def held(module, names):
    """What the module holds, by the assignment's names; what has no such name keeps its own."""
    state = state_of(module)
    names = {own: name for name, own in own_names(module, names).items()}
    return {names.get(own, own): tensor.detach().clone() for own, tensor in state.items()}


def draw(module, values, prefix=""):
    """Fill all weights of a module with random numbers that depend on their names."""
    names = {own: name for name, own in own_names(module, values["names"]).items()}
    with torch.no_grad():
        for own, tensor in state_of(module).items():
            name = prefix + names.get(own, own)
            tensor.copy_(drawn(name, tuple(tensor.shape), values["seed"]))


def drawn(name, shape, seed):
    """The random numbers of this name: He's uniform weights, normalizations that do something."""
    generator = torch.Generator().manual_seed(seed ^ zlib.crc32(name.encode()))
    uniform = torch.empty(shape).uniform_(-1, 1, generator=generator)
    if len(shape) > 1:
        return uniform.mul_(math.sqrt(6 / math.prod(shape[1:])))
    if name.endswith("running_var"):
        return 1 + 0.5 * uniform
    return 0.3 * uniform + (1.0 if name.endswith("weight") else 0.0)


# --- the loss -------------------------------------------------------------------------------------


def loss(submission, values):
    """The loss of a minibatch, and its gradient."""
    logits = values["logits"].clone().requires_grad_()
    total = submission.utils.cross_entropy_loss(logits, values["labels"])
    gradient = None
    if isinstance(total, torch.Tensor) and total.requires_grad and total.numel() == 1:
        total.backward()
        gradient = logits.grad
    numbers = total.numel() if isinstance(total, torch.Tensor) else 1
    return {"loss": total, "numbers": numbers, "gradient": gradient}


def losses_of_rows(submission, values):
    """The loss of each example alone."""
    rows = zip(values["logits"].split(1), values["labels"].split(1), strict=True)
    return [submission.utils.cross_entropy_loss(logits, labels) for logits, labels in rows]


# --- pictures -------------------------------------------------------------------------------------


def picture_of_resnet18(submission, values):
    """What ResNet18.visualize writes."""
    return written_by(submission.resnet18.ResNet18(10).visualize)


def picture_of_mixer(submission, values):
    """What MLPMixer.visualize writes."""
    return written_by(submission.mlpmixer.MLPMixer(10, 32, 4, 256, 4).visualize)


def written_by(visualize):
    """Whether a file that is not empty appears in the folder it is given, and whether elsewhere."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory(dir=here) as outer:
        logdir = os.path.join(outer, "logdir")
        os.mkdir(logdir)
        before = files_below(here)
        visualize(logdir)
        new = {name: size for name, size in files_below(here).items() if before.get(name) != size}
    inside = [size for name, size in new.items() if name.startswith(logdir + os.sep)]
    drawn_for_real = hasattr(sys.modules.get("matplotlib", os), "__file__")  # or by a stand-in
    return {
        "inside": any(inside) if drawn_for_real else bool(inside),
        "elsewhere": len(new) > len(inside),
    }


def files_below(folder):
    """The files of a folder and their sizes."""
    paths = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
    return {path: os.path.getsize(path) for path in paths if os.path.exists(path)}
