"""What one epoch of one model gives, and how far the model has come: the one shape of both.

The engines make them, worker processes send them, records keep them (importing this is light).
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """The metrics of one model after one epoch; epoch 0 is the untrained model.

    Losses are means over the whole set in nats; accuracies are fractions. A value that was not
    finite is NaN or infinite where it was measured, and None in the records. `train_s` and
    `evaluate_s` are the model's equal share of the seconds that its population spent (n models
    trained as one program share the time evenly). `gradient_norm` is the mean over the epoch's
    steps of ‖∂L/∂θ‖ before clipping, where it was measured.
    """

    epoch: int
    train_loss: float | None
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    train_s: float
    evaluate_s: float
    gradient_norm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The best epoch of a model by validation accuracy, and the epoch after which it diverged.

    The values are None before the first epoch whose numbers were finite; `diverged_epoch` is None
    while all were.
    """

    best_epoch: int | None = None
    best_validation_accuracy: float | None = None
    best_validation_loss: float | None = None
    diverged_epoch: int | None = None
