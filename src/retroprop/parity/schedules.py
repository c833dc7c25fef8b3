"""The rows of the schedules, each with its twin from `torch.optim.lr_scheduler`."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    SequentialLR,
)

from retroprop.byhand import schedules
from retroprop.parity.rows import Options, ScheduleRow, case


def _warmup_cosine(optimizer: Optimizer, steps: int, o: Options) -> LRScheduler:
    """A line from 1/w to 1 in w − 1 steps, one more step at 1, and half a wave to 0."""
    warmup = o["warmup_steps"]
    if warmup >= steps:
        raise ValueError(f"the warm-up must end before step {steps}")
    if warmup == 0:
        return CosineAnnealingLR(optimizer, T_max=steps)
    line = LinearLR(optimizer, start_factor=1 / warmup, total_iters=warmup - 1)
    if warmup == 1:  # a line of no length: torch divides by its length
        line = ConstantLR(optimizer, factor=1.0, total_iters=0)
    wave = CosineAnnealingLR(optimizer, T_max=steps - warmup)
    return SequentialLR(optimizer, [line, wave], milestones=[warmup])


SCHEDULE_ROWS = [
    ScheduleRow(
        name="constant",
        options={},
        by_hand=lambda step, steps, o: schedules.constant(step),
        twin=lambda optimizer, steps, o: ConstantLR(optimizer, factor=1.0),
        cases=(case(1), case(50)),
        covers=(schedules.constant,),
    ),
    ScheduleRow(
        name="warmup_cosine",
        options={"warmup_steps": 5},
        by_hand=lambda step, steps, o: schedules.warmup_cosine(
            step, warmup_steps=o["warmup_steps"], total_steps=steps
        ),
        twin=_warmup_cosine,
        cases=(
            case(50),
            case(50, warmup_steps=0),
            case(50, warmup_steps=1),
            case(50, warmup_steps=2),
            case(50, warmup_steps=49),
            case(1, warmup_steps=0),
            case(700, warmup_steps=37),
        ),
        covers=(schedules.warmup_cosine,),
    ),
]
