"""Formulas and sentences that several kinds of models share."""

from retroprop.report.document import Formula
from retroprop.report.story import Story


def mlp_formula(story: Story) -> Formula:
    """The layers of a multilayer perceptron."""
    return Formula(
        name="mlp-model",
        text=story.say(
            "A multilayer perceptron with L hidden layers. θ holds the weights W and the "
            "biases of a layer, a tilde appends a 1 to a vector, and φ is the activation "
            "function. From the image x, for l = 1, …, L + 1,"
        ),
        spoken=story.say(
            "h of layer 0 equals x; a of layer l equals theta of layer l times h tilde of "
            "layer l minus 1; h of layer l equals phi of a of layer l"
        ),
    )


def activation_formulas(story: Story) -> list[Formula]:
    """The activation functions of a study, each with its derivative."""
    say = story.say
    activations = {
        "relu": (
            say("The activation function ReLU and its derivative (1 where a > 0, else 0):"),
            say("phi of a equals the maximum of 0 and a; its derivative is 1 where a exceeds 0"),
        ),
        "sigmoid": (
            say("The sigmoid and its derivative:"),
            say(
                "phi of a equals one over one plus the exponential of minus a; its derivative is "
                "phi of a times one minus phi of a"
            ),
        ),
        "gelu": (
            say("The activation function GELU, with Φ the normal distribution function:"),
            say(
                "phi of a equals a times capital phi of a; its derivative is capital phi of a plus "
                "a times the derivative of capital phi of a"
            ),
        ),
        "tanh": (
            say("The hyperbolic tangent and its derivative:"),
            say(
                "phi of a equals the hyperbolic tangent of a; its derivative is one minus the "
                "square of phi of a"
            ),
        ),
    }
    return [
        Formula(name=name, text=activations[name][0], spoken=activations[name][1])
        for name in story.values("activation")
        if name in activations
    ]


def derivation_sentence(story: Story) -> str:
    """Who computes the gradient: our formulas, autograd, or both in turn."""
    recorded = (story.record.config.get("model") or {}).get("derivation")
    used = set(story.values("derivation")) - {None} or {recorded}
    if used == {"by-hand"}:
        return story.say("The gradient is computed from formulas derived by hand.")
    if used == {"autograd"}:
        return story.say("The gradient is computed by automatic differentiation (autograd).")
    return story.say(
        "The gradient is computed in two ways, from formulas derived by hand and by automatic "
        "differentiation (autograd), and the study compares them."
    )
