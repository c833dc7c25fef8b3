"""Figures from records and from networks, one style for all; each is a matplotlib `Figure`."""

from typing import TYPE_CHECKING

from retroprop.lazy import offers

if TYPE_CHECKING:
    from retroprop.figures.architectures import accuracy_curves, gradient_norm_curves
    from retroprop.figures.bayes_network import draw_network
    from retroprop.figures.confusion import class_accuracies, confusion_matrix
    from retroprop.figures.curves import curves_by_part, loss_and_accuracy_curves
    from retroprop.figures.effects import effect_of_setting
    from retroprop.figures.kernels import first_layer_kernels
    from retroprop.figures.lr_finder import range_test_curve
    from retroprop.figures.speed import training_seconds
    from retroprop.figures.style import to_svg
    from retroprop.figures.timing import cost_of_setting
    from retroprop.figures.token_mixing import filtered_pictures, token_mixing_filters

__all__ = [
    "accuracy_curves",
    "class_accuracies",
    "confusion_matrix",
    "cost_of_setting",
    "curves_by_part",
    "draw_network",
    "effect_of_setting",
    "filtered_pictures",
    "first_layer_kernels",
    "gradient_norm_curves",
    "loss_and_accuracy_curves",
    "range_test_curve",
    "to_svg",
    "token_mixing_filters",
    "training_seconds",
]

__getattr__, __dir__ = offers(
    __name__,
    {
        "architectures": ["accuracy_curves", "gradient_norm_curves"],
        "bayes_network": ["draw_network"],
        "confusion": ["class_accuracies", "confusion_matrix"],
        "curves": ["curves_by_part", "loss_and_accuracy_curves"],
        "effects": ["effect_of_setting"],
        "kernels": ["first_layer_kernels"],
        "lr_finder": ["range_test_curve"],
        "speed": ["training_seconds"],
        "style": ["to_svg"],
        "timing": ["cost_of_setting"],
        "token_mixing": ["filtered_pictures", "token_mixing_filters"],
    },
)
