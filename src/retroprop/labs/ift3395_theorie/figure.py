"""The figure of 2 (f): the derivatives of both losses against the output's pre-activation."""

from matplotlib.figure import Figure

from retroprop.calculus.theory.binary_losses import gradient_curves
from retroprop.calculus.theory.prose import FIGURE
from retroprop.figures.gradients import gradients_at_the_output
from retroprop.mathematics.prose import choose


def loss_gradients(language: str) -> Figure:
    """The squared error's slope and the cross-entropy's, for y = 1.

    Args:
        language: "en" or "fr".
    """
    words = {name: choose(text, language) for name, text in FIGURE.items()}
    curves = gradient_curves()
    return gradients_at_the_output(
        curves["o"],
        {words["squared"]: curves["MSE"], words["cross_entropy"]: curves["CE"]},
        x_label=words["x"],
        y_label=words["y"],
        regions=(words["wrong"], words["right"]),
        decimal_comma=language == "fr",
    )
