"""Populations by automatic differentiation: one program (torch.func) against one after another.

Both train the same members from the same numbers on the same minibatches, one step each in turn, on
one thread. A ratio above 1 means that one program is faster; `training.vectorized` takes it from
8 members on.
"""

import time

import torch

from benchmarks.harness import arguments_of, keep, say, spread
from retroprop.byhand.losses import one_hot
from retroprop.training.autograd import AutogradLearner
from retroprop.training.factories import FACTORIES
from retroprop.training.settings import PopulationSettings
from retroprop.training.vectorized import VectorizedAutogradLearner

SHAPES = (  # width, depth, batch size
    (25, 1, 20),
    (25, 5, 128),
    (100, 3, 20),
    (100, 3, 128),
    (256, 2, 128),
    (64, 20, 128),
)
MEMBERS = (3, 8, 16)


def main() -> None:
    arguments = arguments_of(__doc__).parse_args()
    torch.set_num_threads(1)
    rows = []
    for width, depth, batch_size in SHAPES:
        for members in MEMBERS:
            ratios = compare(width, depth, batch_size, members, arguments.rounds)
            rows.append(
                {
                    "width": width,
                    "depth": depth,
                    "batch_size": batch_size,
                    "members": members,
                    "ratio": spread(ratios),
                }
            )
            say(
                f"{width:>4} × {depth:<2} batch {batch_size:<4} {members:>2} members: "
                f"{spread(ratios)}"
            )
    keep("vectorized", {"rows": rows})


def compare(width: int, depth: int, batch_size: int, members: int, rounds: int) -> list[float]:
    """Seconds of one after another over seconds of one program, a median of 10 steps a round."""
    settings = PopulationSettings(
        kind="mlp",
        derivation="autograd",
        optimizer="adam",
        batch_size=batch_size,
        learning_rates=tuple(0.001 / (k + 1) for k in range(members)),
        seeds=(0,),
        width=width,
        depth=depth,
        initial_scale="auto",
    )
    factory = FACTORIES["mlp"]
    assert factory.parameters is not None
    drawn = factory.parameters(settings, (28, 28, 1), 10)
    parameters = {
        name: tensor.unsqueeze(1).expand(-1, members, *(-1,) * (tensor.ndim - 1))
        for name, tensor in drawn.items()
    }
    learners = [
        kind(
            settings,
            parameters,
            lambda: factory.network(settings, (28, 28, 1), 10),
            layout="rows",
        )
        for kind in (AutogradLearner, VectorizedAutogradLearner)
    ]
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, batch_size, 784, generator=generator)
    labels = torch.randint(0, 10, (1, batch_size), generator=generator)
    y = one_hot(labels, 10, torch.float32)
    ratios = []
    for _ in range(rounds):
        taken: list[list[float]] = [[], []]
        for _ in range(10):
            for learner, seconds in zip(learners, taken, strict=True):
                started = time.perf_counter()
                learner.learn(x, y)
                seconds.append(time.perf_counter() - started)
        one, other = (sorted(seconds)[5] for seconds in taken)
        ratios.append(one / other)
    return ratios


if __name__ == "__main__":
    main()
