"""Schedules: what the learning rate is multiplied with at each step, from step 0.

    constant        1
    warm-up+cosine  (s + 1) / w                          for s < w
                    ½ (1 + cos(π (s − w) / (S − w)))     for w ≤ s ≤ S, and 0 later

`optimizer.learning_rate = eta * warmup_cosine(s, warmup_steps=w, total_steps=S)` before step s.
Sources: Goyal et al., Accurate, large minibatch SGD (2017), 2.2, for the warm-up; Loshchilov &
Hutter, SGDR (2017), equation 5 without restarts, for the cosine.
"""

import math
from typing import Literal

Schedule = Literal["constant", "warmup-cosine"]
"""How the learning rate moves over a whole training."""

WARMUP = 0.05
"""Part of all steps that a warm-up takes."""


def constant(step: int) -> float:
    """1, at every step.

    >>> constant(7)
    1.0
    """
    return 1.0


def warmup_cosine(step: int, *, warmup_steps: int, total_steps: int) -> float:
    """A line up to 1 during the first steps, then half a cosine wave down to 0.

    Args:
        step: The step that is about to be made, from 0.
        warmup_steps: How many steps the line takes; 0 for none.
        total_steps: The step at which the wave reaches 0.

    Raises:
        ValueError: If the step is negative or the warm-up is not shorter than the whole.

    >>> [round(warmup_cosine(s, warmup_steps=2, total_steps=6), 3) for s in range(7)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < 0 or not 0 <= warmup_steps < total_steps:
        raise ValueError(
            f"expected step ≥ 0 and 0 ≤ warmup_steps < total_steps, and got step {step}, "
            f"warmup_steps {warmup_steps}, total_steps {total_steps}."
        )
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
    return 0.5 * (1 + math.cos(math.pi * done))


def rate_factor(schedule: str, step: int, *, total_steps: int, warmup: float = WARMUP) -> float:
    """What η is multiplied with at a step of a whole training, by the name of its schedule.

    Args:
        schedule: "constant" or "warmup-cosine".
        step: The step that is about to be made, from 0.
        total_steps: The steps of the whole training.
        warmup: Part of them that the line up takes, in [0, 1); one step at least follows it.

    >>> rate_factor("constant", 3, total_steps=10)
    1.0
    >>> round(rate_factor("warmup-cosine", 0, total_steps=40), 3)
    0.5
    """
    if schedule == "constant":
        return constant(step)
    warmup_steps = min(int(warmup * total_steps), total_steps - 1)
    return warmup_cosine(step, warmup_steps=warmup_steps, total_steps=total_steps)
