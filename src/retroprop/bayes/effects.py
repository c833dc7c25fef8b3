"""How much an intervention changes an outcome, and how much it can be credited with.

    average causal effect:   E[y | do(x = treated)] − E[y | do(x = control)]

Whether x was necessary or sufficient for y is a question about single cases, in which y is seen
with one value of x and would have to be known with the other. Probabilities of a network bound it
only: `probabilities_of_causation` gives bounds that hold for every mechanism.

Source: Pearl, Causality (2009), 3.2 and 9.2; Tian and Pearl, Probabilities of causation: bounds and
identification (2000).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retroprop.bayes.network import Network
from retroprop.bayes.queries import query
from retroprop.errors import UserError


def average_causal_effect(
    net: Network,
    x: str,
    y: str,
    *,
    treated: Any = None,
    control: Any = None,
    outcome: Any = None,
    values: Sequence[float] | None = None,
) -> float:
    """The mean change of y when an intervention sets x to `treated` instead of `control`.

    Args:
        net: The network; both interventions are made on it by surgery.
        x: The treatment.
        y: The outcome.
        treated: A state of x; by default the second of two.
        control: A state of x; by default the first of two.
        outcome: The state of y whose probability is compared; by default the second of two.
        values: Instead of `outcome`, a number for each state of y, whose mean is compared.

    Raises:
        UserError: For an unknown variable or state, or when x or y has not two states and what to
            compare is not named.
    """
    net.names_of([x, y])
    if (treated is None) != (control is None):
        raise UserError("name both states of the treatment, treated and control, or neither.")
    if treated is None:
        treated, control = _second_and_first(net, x, "name treated=… and control=…")
    weights = _weights(net, y, outcome, values)
    with_it, without = (
        np.asarray(query(net, y, do={x: state}).values) @ weights for state in (treated, control)
    )
    return float(with_it - without)


def _second_and_first(net: Network, name: str, fix: str) -> tuple[int, int]:
    if len(net.states[name]) != 2:
        raise UserError(
            f"{name} has {len(net.states[name])} states ({', '.join(net.states[name])}), so what "
            f"to compare is not clear; {fix}."
        )
    return 1, 0


def _weights(net: Network, y: str, outcome: Any, values: Sequence[float] | None) -> np.ndarray:
    """What the states of y count."""
    size = len(net.states[y])
    if values is not None:
        if outcome is not None:
            raise UserError("give the state of the outcome or values for its states, not both.")
        weights = np.asarray(values, dtype=float)
        if weights.shape != (size,) or not np.isfinite(weights).all():
            raise UserError(f"values must be {size} numbers, one for each state of {y}.")
        return weights
    if outcome is None:
        outcome, _ = _second_and_first(net, y, "name outcome=… or values=[…]")
    weights = np.zeros(size)
    weights[net.state_index(y, outcome)] = 1
    return weights


@dataclass(frozen=True)
class CausationBounds:
    """Lowest and highest probabilities that agree with the network.

    Attributes:
        necessity: That y would not have been without x, where both were seen (PN).
        sufficiency: That x would have brought y about, where neither was seen (PS).
        both: That y is where x is and only there (PNS).
    """

    necessity: tuple[float, float]
    sufficiency: tuple[float, float]
    both: tuple[float, float]


def probabilities_of_causation(
    net: Network, cause: tuple[str, Any], effect: tuple[str, Any], *, instead: Any = None
) -> CausationBounds:
    """Bounds on how far a cause was necessary and sufficient for an effect.

    No functional mechanism is assumed. Where cause and effect never occur together, or never
    both fail to, the bounds of necessity or sufficiency are (0, 1).

    Args:
        net: The network.
        cause: A variable and its state, for instance ("Treatment", "surgery").
        effect: A variable and its state.
        instead: The other state of the cause; by default the other one of two.

    Raises:
        UserError: For an unknown variable or state, or when the cause has not two states and
            `instead` is not named.
    """
    (x, x_state), (y, y_state) = cause, effect
    net.names_of([x, y])
    on, of = net.state_index(x, x_state), net.state_index(y, y_state)
    if instead is None:
        _second_and_first(net, x, "name the other state with instead=…")
        off = 1 - on
    else:
        off = net.state_index(x, instead)
    if on == off:
        raise UserError(f"the two states of {x} to compare are the same one.")
    joint = np.asarray(query(net, [x, y]).values)[[on, off]]
    joint = joint / joint.sum() if joint.sum() > 0 else joint  # among cases with either state
    xy, x_only = joint[0, of], joint[0].sum() - joint[0, of]
    y_only, neither = joint[1, of], joint[1].sum() - joint[1, of]
    with_x, without_x = (
        float(np.asarray(query(net, y, do={x: state}).values)[of]) for state in (on, off)
    )
    plain = len(net.states[x]) == 2
    p_y = xy + y_only
    both_low = [0.0, with_x - without_x]
    both_high = [with_x, 1 - without_x]
    if plain:  # with other states of x about, what is seen says less about what is set
        both_low += [p_y - without_x, with_x - p_y]
        both_high += [xy + neither, with_x - without_x + x_only + y_only]
    necessity = sufficiency = (0.0, 1.0)
    if plain and xy > 0:
        necessity = _bounds((p_y - without_x) / xy, ((1 - without_x) - neither) / xy)
    if plain and neither > 0:
        sufficiency = _bounds((with_x - p_y) / neither, (with_x - xy) / neither)
    return CausationBounds(necessity, sufficiency, _bounds(max(both_low), min(both_high)))


def _bounds(low: float, high: float) -> tuple[float, float]:
    low, high = min(max(float(low), 0.0), 1.0), min(max(float(high), 0.0), 1.0)
    return (min(low, high), max(low, high))
