"""The plainest possible inference, and random networks to compare with it.

The joint table of all variables is formed outright; nothing of the library but its tables is used.
"""

import numpy as np

from retroprop.bayes import BayesNet

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def joint(net, do=None, soft=None):
    """P(all variables) after an intervention, times the likelihoods: one axis per variable."""
    letter = dict(zip(net.variables, LETTERS, strict=False))
    factors, formulas = [], []
    for name in net.variables:
        if do and name in do:
            table = np.zeros(len(net.states[name]))
            table[do[name]] = 1
            formulas.append(letter[name])
        else:
            table = net.tables[name]
            formulas.append("".join(letter[v] for v in (*net.parents[name], name)))
        factors.append(table)
    for name, weights in (soft or {}).items():
        factors.append(np.asarray(weights, dtype=float))
        formulas.append(letter[name])
    every = "".join(letter[name] for name in net.variables)
    result = np.ones([len(net.states[name]) for name in net.variables])
    for factor, formula in zip(factors, formulas, strict=True):
        result = np.einsum(f"{every},{formula}->{every}", result, factor)
    return result


def enumerate_posterior(net, targets, given=None, do=None, soft=None):
    """P(targets | given, do, soft) and P(given | do): by brute force; (None, 0) if impossible."""
    posteriors, evidence = enumerate_posteriors(net, [targets], given, do, soft)
    return (posteriors[0], evidence) if posteriors else (None, 0.0)


def enumerate_posteriors(net, questions, given=None, do=None, soft=None):
    """The same for the targets of several questions; ([], 0) if the evidence is impossible."""
    table = joint(net, do, soft)
    for name, state in (given or {}).items():
        axis = net.variables.index(name)
        keep = np.zeros(table.shape[axis])
        keep[state] = 1
        table = table * keep.reshape([-1 if i == axis else 1 for i in range(table.ndim)])
    total = table.sum()
    if total == 0:
        return [], 0.0
    return [_marginal(net, table, targets) / total for targets in questions], total


def _marginal(net, table, targets):
    axes = [net.variables.index(name) for name in targets]
    other = tuple(i for i in range(table.ndim) if i not in axes)
    order = sorted(axes)
    return table.sum(other).transpose([order.index(axis) for axis in axes])


def random_network(rng, n=None, zeros=None):
    """A network of up to 8 variables of 2 to 4 states; some tables hold zeros and ones."""
    n = int(rng.integers(1, 9)) if n is None else n
    names = [f"v{i}" for i in rng.permutation(n)]
    cards = {name: int(rng.integers(2, 5)) for name in names}
    zeros = rng.random() < 0.5 if zeros is None else zeros
    spec = {}
    for i, name in enumerate(names):
        count = int(rng.integers(0, min(i, 3) + 1))
        parents = [names[j] for j in rng.choice(i, count, replace=False)] if count else []
        table = rng.random([cards[v] for v in (*parents, name)]) + 1e-3
        if zeros:
            table = table * (rng.random(table.shape) < 0.6)
            table[..., 0] += table.sum(-1) == 0
        spec[name] = (table / table.sum(-1, keepdims=True), parents)
    order = [names[i] for i in rng.permutation(n)]
    return BayesNet({name: spec[name] for name in order})


def random_question(rng, net):
    """Targets, hard evidence, interventions, soft evidence, on different variables."""
    names = [str(name) for name in rng.permutation(net.variables)]
    targets = [names.pop() for _ in range(min(len(names), int(rng.integers(1, 3))))]
    roles = ({}, {}, {})
    for role in roles:
        for _ in range(int(rng.integers(0, 3))):
            if names:
                name = names.pop()
                role[name] = int(rng.integers(len(net.states[name])))
    given, do, soft = roles
    soft = {name: random_likelihood(rng, len(net.states[name])) for name in soft}
    return targets, given, do, soft


def random_likelihood(rng, card):
    """Weights of the states, sometimes with a zero, of any magnitude."""
    weights = rng.random(card) * 10.0 ** rng.integers(-3, 4)
    if rng.random() < 0.3:
        weights[rng.integers(card)] = 0
    return weights


def assert_equal(found, expected, tolerance=1e-12):
    """Largest absolute difference within the tolerance."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    error = np.abs(found - expected).max(initial=0)
    assert error <= tolerance, f"off by {error}"
