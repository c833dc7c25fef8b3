"""The figure of 2 (f): the derivatives of both losses against the output's pre-activation."""

from matplotlib.figure import Figure

from retroprop.figures.gradients import gradients_at_the_output
from retroprop.labs.ift3395_theorie.answers_binary_losses import gradient_curves
from retroprop.languages import say_later, translator

CAPTION = say_later(
    "The derivatives of both losses for y = 1. Where the network is sure and wrong, the squared "
    "error has almost none."
)
DESCRIPTION = say_later(
    "Two curves over the pre-activation from −10 to 10. The cross-entropy’s slope rises from −1 on "
    "the left to 0 on the right. The squared error’s is near 0 on both sides, with its lowest "
    "value, −0.30, near −0.7."
)


def loss_gradients(language: str) -> Figure:
    """The squared error's slope and the cross-entropy's, for y = 1.

    Args:
        language: "en" or "fr".
    """
    say = translator(language)
    curves = gradient_curves()
    return gradients_at_the_output(
        curves["o"],
        {say("squared error"): curves["MSE"], say("cross-entropy"): curves["CE"]},
        x_label=say("pre-activation oᵃ"),
        y_label=say("∂L/∂oᵃ for y = 1"),
        regions=(say("wrong answer"), say("right answer")),
        language=language,
    )
