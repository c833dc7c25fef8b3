"""Calls a layer that somebody wrote by hand, whichever of the usual ways it is written.

A class, made with its parameters and run forwards, then backwards:

    class Linear:
        def __init__(self, W, b): ...
        def forward(self, x): ...        # y
        def backward(self, dy): ...      # dx; dW and db as self.dW, self.db, or returned after it

or two functions:

    def forward(x, W, b): ...            # y, saved
    def backward(dy, saved): ...         # dx, dW, db, in the order of forward; or a dictionary

Options such as stride are given by name to whoever takes them; a case that needs an option which
nothing takes is left out. A module that imports NumPy and not torch is given arrays.

This file knows nothing of retroprop: it runs in the confined process too.
"""

import inspect
import types

import numpy as np
import torch


def probe(submission, values):
    """What the layer in the file "layer" answers, by the names of its class or functions."""
    module = submission.layer
    return answer_of([getattr(module, name) for name in values["names"]], module, **values["case"])


def answer_of(parts, module, tensors, constants, dy, options, needed):
    """What a layer computes: {"y": the output, "gradients": name → dL/d(that tensor)}.

    Or {"left out": names} of the options and tensors that the case needs and the layer lacks.

    Args:
        parts: A class, or the functions forward and backward.
        module: Where they stand: it tells whether they want arrays of NumPy.
        tensors: Name → tensor, the input first.
        constants: Name → what the layer takes besides and nothing is derived by, as labels.
        dy: dL/dy.
        options: Name → number.
        needed: The options without which the case would be another.
    """
    functions = parts if len(parts) > 1 else [parts[0], parts[0].forward]
    accepted = {name for function in functions for name in _names(function)}
    if lacking := [name for name in needed if name not in accepted and not _takes_all(functions)]:
        return {"left out": lacking}
    numpy = _wants_numpy(module)
    given = {k: v.numpy().copy() if numpy else v.clone() for k, v in tensors.items()}
    fixed = {k: v.numpy().copy() if numpy else v.clone() for k, v in constants.items()}
    dy = dy.numpy().copy() if numpy else dy.clone()
    run = _run_class if len(parts) == 1 else _run_functions
    y, gradients = run(parts, given, fixed, dy, options)
    return {"y": _tensor(y), "gradients": {name: _tensor(g) for name, g in gradients.items()}}


def _run_class(parts, given, fixed, dy, options):
    inputs, *parameters = given
    layer = _call(parts[0], {}, {name: given[name] for name in parameters}, options)
    y = _call(layer.forward, {inputs: given[inputs]}, fixed, options)
    returned = layer.backward(*([dy] if _names(layer.backward) else []))
    gradients = _gradients(returned, list(given))
    for name in parameters:
        attribute = getattr(layer, "d" + name.replace(".", "_"), None)
        if name not in gradients and attribute is not None:
            gradients[name] = attribute
    return y, gradients


def _run_functions(parts, given, fixed, dy, options):
    forward, backward = parts
    y, saved = _call(forward, given | fixed, {}, options)
    returned = backward(dy, saved) if len(_names(backward)) > 1 else backward(saved)
    return y, _gradients(returned, list(given))


def _gradients(returned, names):
    """One gradient, several in the order of the tensors, or a dictionary by "W" or "dW"."""
    if isinstance(returned, dict):
        return {name: returned.get("d" + name, returned.get(name)) for name in names
                if "d" + name in returned or name in returned}  # fmt: skip
    if not isinstance(returned, tuple | list):
        return {names[0]: returned}
    if len(returned) == 2 and isinstance(returned[1], dict):
        return _gradients(returned[1], names) | {names[0]: returned[0]}
    return dict(zip(names, returned, strict=False))


def _call(function, positional, named, options):
    """Call it with what it takes: some by position, some by name, and the options that it knows."""
    accepted = _names(function)
    everything = _takes_all([function])
    known = {k: v for k, v in options.items() if everything or k in accepted}
    by_name = {k.replace(".", "_"): v for k, v in named.items()}
    if set(by_name) <= set(accepted) or everything:
        return function(*positional.values(), **by_name, **known)
    return function(*positional.values(), *by_name.values(), **known)


def _names(function):
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD,
             inspect.Parameter.KEYWORD_ONLY)  # fmt: skip
    return [n for n, p in inspect.signature(function).parameters.items() if p.kind in kinds]


def _takes_all(functions):
    parameters = [p for f in functions for p in inspect.signature(f).parameters.values()]
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


def _wants_numpy(module):
    imported = [value for value in vars(module).values() if isinstance(value, types.ModuleType)]
    return np in imported and torch not in imported


def _tensor(value):
    if isinstance(value, np.ndarray | np.generic):
        return torch.from_numpy(np.array(value))
    return value
