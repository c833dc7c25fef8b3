"""The mistakes that the three networks of the TP of Lyon share: one name wherever they are met."""

from dataclasses import replace

from retroprop.grading.checks import Mistake
from retroprop.languages import say_later

# --- forward --------------------------------------------------------------------------------------

NO_BIAS = Mistake(
    name="no bias",
    sentence=say_later("the bias is missing: each layer has an additional input, always 1"),
    switches={"ones": "none"},
)
BIAS_FIRST = Mistake(
    name="bias in the first column",
    sentence=say_later("the additional input stands before the others: its weights are the last"),
    switches={"place": "first"},
)
COLUMNS = Mistake(
    name="examples as columns",
    sentence=say_later("the outputs are transposed: each example is a row"),
    switches={"columns": True},
)
SMOOTH_OUTPUTS = [
    Mistake(
        name="sigmoid at the outputs",
        sentence=say_later("the outputs go through a sigmoid: the output layer is linear"),
        switches={"output": "sigmoid"},
    ),
    Mistake(
        name="softmax at the outputs",
        sentence=say_later("the outputs go through a softmax: the output layer is linear"),
        switches={"output": "softmax"},
    ),
]
THRESHOLD = Mistake(
    name="threshold before the error",
    sentence=say_later(
        "the outputs go through a threshold: the error is that of the linear outputs"
    ),
    switches={"output": "threshold"},
)
LARGEST = Mistake(
    name="winner before the error",
    sentence=say_later(
        "the largest output becomes 1 and the others 0: the error is that of the linear outputs"
    ),
    switches={"output": "largest"},
)
OUTPUTS = [*SMOOTH_OUTPUTS, THRESHOLD, LARGEST]
LAYERS_WITHOUT_BIAS = [
    Mistake(
        name="no bias in the hidden layers",
        sentence=say_later("the hidden layers have no additional input 1"),
        switches={"ones": "output"},
    ),
    Mistake(
        name="no bias in the output layer",
        sentence=say_later("the output layer has no additional input 1"),
        switches={"ones": "hidden"},
    ),
]
HIDDEN = [
    Mistake(
        name="no sigmoid",
        sentence=say_later("the hidden layers are linear: their function is the sigmoid"),
        switches={"hidden": "none"},
    ),
    Mistake(
        name="tanh instead of the sigmoid",
        sentence=say_later("the hidden layers have tanh: their function is the sigmoid"),
        switches={"hidden": "tanh"},
    ),
    Mistake(
        name="ReLU instead of the sigmoid",
        sentence=say_later("the hidden layers have ReLU: their function is the sigmoid"),
        switches={"hidden": "relu"},
    ),
    Mistake(
        name="exponent without its minus",
        sentence=say_later("the sigmoid has the wrong sign in its exponent: it is 1 / (1 + e⁻ˣ)"),
        switches={"hidden": "exp(+)"},
    ),
]

_OWN_SLOPES = {"none": "missing", "tanh": "tanh", "relu": "relu", "exp(+)": "exp(+)"}
HIDDEN_AND_SLOPE = [
    replace(one, switches={**one.switches, "slope": _OWN_SLOPES[one.switches["hidden"]]})
    for one in HIDDEN
]
"""The same mistakes of whoever derives the wrong function rightly."""

# --- errors and steps -----------------------------------------------------------------------------

SIGN = Mistake(
    name="sign of the error",
    sentence=say_later("the sign is wrong: the weights go along t − y, which lowers the error"),
    switches={"sign": -1},
)
LOSSES = [
    Mistake(
        name="factor 2",
        sentence=say_later(
            "twice what is asked for: with ½ before the squares, their derivative has no factor 2"
        ),
        switches={"loss": "sum"},
    ),
    Mistake(
        name="mean over the outputs",
        sentence=say_later(
            "the squared error is averaged over the outputs, as by MSELoss: half their sum is "
            "asked for"
        ),
        switches={"loss": "mean"},
    ),
]
SLOPE_OF_OUTPUT = Mistake(
    name="σ′ at the linear outputs",
    sentence=say_later("the error of the outputs is multiplied by y (1 − y): they are linear"),
    switches={"slope_of_output": True},
)
NO_RATE = Mistake(
    name="η missing",
    sentence=say_later("the steps are not multiplied by η"),
    switches={"rate": "none"},
)
BIASES_STAY = Mistake(
    name="biases not updated",
    sentence=say_later("the weights of the additional input 1 are not modified: they learn too"),
    switches={"biases": False},
)


def not_kept(network: str) -> Mistake:
    """That a network stays as it was: of each network another mistake, since it is no learning.

    Args:
        network: Its name, "perceptron".
    """
    return Mistake(
        name=f"weights of the {network} not kept",
        sentence=say_later("the weights of the network are the same afterwards: keep the new ones"),
        switches={"modified": "none"},
    )


ONLY_OUTPUT = Mistake(
    name="hidden layers not updated",
    sentence=say_later("the weights of the hidden layers are not modified"),
    switches={"modified": "output"},
)
ONLY_HIDDEN = Mistake(
    name="output layer not updated",
    sentence=say_later("the weights of the output layer are not modified"),
    switches={"modified": "hidden"},
)
STEPS = [SIGN, *LOSSES, NO_RATE, BIASES_STAY]
"""Those of a single step too."""
TOGETHER = [
    Mistake(
        name="examples summed in one step",
        sentence=say_later(
            "all examples make one step together, by the sum of theirs: each makes its own, with "
            "the weights that the one before has left"
        ),
        switches={"together": "sum"},
    ),
    Mistake(
        name="examples averaged in one step",
        sentence=say_later(
            "all examples make one step together, by the mean of theirs: each makes its own, with "
            "the weights that the one before has left"
        ),
        switches={"together": "mean"},
    ),
    Mistake(
        name="first example only",
        sentence=say_later("only the first example makes a step: a return stands in the loop"),
        switches={"together": "first"},
    ),
    Mistake(
        name="last example only",
        sentence=say_later("only the last example makes a step: it stands after the loop"),
        switches={"together": "last"},
    ),
]
