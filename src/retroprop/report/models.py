"""What was trained: each kind of model, its gradient and its optimizers, as formulas.

The letters are those of the assignments: W and G for softmax regression (INF8225, part 2), w, t, y
and δ = t − y for the perceptron and the network with one hidden layer (Lyon TP, parts 1 and 2), θ,
a and h for the multilayer perceptron (INF8225, part 3). The templates know each formula by name.
"""

from typing import Any

from retroprop.report.document import Block, Formula, Paragraph, Section
from retroprop.report.formulas import activation_formulas, derivation_sentence, mlp_formula
from retroprop.report.network_models import (
    mixer_blocks,
    network_blocks,
    resnet_blocks,
    schedule_blocks,
    training_blocks,
    weight_decay,
)
from retroprop.report.story import Story, setting_of

KINDS = (
    "softmax-regression",
    "perceptron",
    "shallow",
    "mlp",
    "cnn",
    "network",
    "resnet18",
    "mlp-mixer",
)


def trained_section(story: Story) -> Section | None:
    """The model, its gradient, its optimizers and its steps; None for an unknown kind."""
    parts = {
        "softmax-regression": _softmax_regression,
        "perceptron": _perceptron,
        "shallow": _shallow,
        "mlp": _mlp,
        "cnn": _cnn,
        "network": network_blocks,
        "resnet18": resnet_blocks,
        "mlp-mixer": mixer_blocks,
    }
    if story.kind not in parts:
        return None
    blocks = [*parts[story.kind](story), *_gradient(story), *_optimizers(story), *_steps(story)]
    blocks += schedule_blocks(story)
    if story.by_trainer:
        blocks += training_blocks(story)
    return Section(name="trained", heading=story.say("What was trained"), blocks=blocks)


def _used(story: Story, key: str, default: Any = None) -> list[Any]:
    """The values of a setting in this study."""
    return list(dict.fromkeys(setting_of(run, key) or default for run in story.runs))


def _softmax_regression(story: Story) -> list[Block]:
    say = story.say
    summed = (story.record.config.get("training") or {}).get("gradient", "mean") == "sum"
    return [
        Formula(
            name="model",
            text=say(
                "Softmax regression. An image with a 1 appended is the row x̃, W holds one column "
                "for each class, and the model's probability of class k is"
            ),
            spoken=say(
                "p of y equals k given x tilde equals the softmax of x tilde W, component k: the "
                "exponential of x tilde W component k divided by the sum over j of the "
                "exponentials "
                "of x tilde W component j"
            ),
        ),
        Formula(
            name="gradient-sum" if summed else "gradient-mean",
            text=story.gradient_sentence()
            + " "
            + say("With the one-hot label y of each image b of the minibatch B,"),
            spoken=say(
                "G equals the sum over the images b in B of x tilde b transposed times p b minus y "
                "b"
                if summed
                else "G equals one over the size of B times the sum over the images b in B of x "
                "tilde "
                "b transposed times p b minus y b"
            ),
        ),
    ]


def _perceptron(story: Story) -> list[Block]:
    say = story.say
    return [
        Formula(
            name="perceptron-model",
            text=say(
                "A perceptron with linear outputs. An image with a 1 appended for the bias is x̃, "
                "and output i is"
            ),
            spoken=say("y i equals the sum over j of w i j times x tilde j; in short, y = W x̃"),
        ),
        Formula(
            name="perceptron-update",
            text=say(
                "The loss is the squared error ½ Σ (t − y)². With the one-hot target t of one "
                "image, its gradient gives the change"
            ),
            spoken=say("delta w i j equals eta times x tilde j times t i minus y i"),
        ),
    ]


def _shallow(story: Story) -> list[Block]:
    say = story.say
    return [
        Formula(
            name="shallow-model",
            text=say(
                "A network with one hidden layer of sigmoid units and linear outputs. With a 1 "
                "appended to the image x and to the hidden activities for the biases,"
            ),
            spoken=say(
                "y i of layer 1 equals one over one plus the exponential of minus the sum over j "
                "of w i j of layer 1 times x j; y i of layer 2 equals the sum over j of w i j of "
                "layer 2 times y j of layer 1"
            ),
        ),
        Formula(
            name="shallow-errors",
            text=say(
                "The loss is the squared error ½ Σ (t − y)². The error of the outputs, with the "
                "one-hot target t, is propagated back to the hidden units:"
            ),
            spoken=say(
                "delta i of layer 2 equals t i minus y i of layer 2; delta i of layer 1 equals y i "
                "of layer 1 times one minus y i of layer 1 times the sum over j of delta j of "
                "layer 2 times w j i of layer 2"
            ),
        ),
        Formula(
            name="shallow-update",
            text=say("Every weight then changes by, with y of layer 0 standing for x,"),
            spoken=say(
                "delta w i j of layer l equals eta times delta i of layer l times y j of layer l "
                "minus 1"
            ),
        ),
    ]


def _mlp(story: Story) -> list[Block]:
    say = story.say
    blocks: list[Block] = [mlp_formula(story)]
    blocks += activation_formulas(story)
    outputs = _used(story, "output", "softmax")
    if "softmax" in outputs:
        blocks.append(
            Formula(
                name="mlp-softmax",
                text=say("Softmax outputs, with the cross-entropy in nats as the loss:"),
                spoken=say(
                    "f k equals the exponential of a k of layer L plus 1 divided by the sum over c "
                    "of the exponentials of a c of that layer; the loss equals minus the sum over "
                    "k of y k times the logarithm of f k"
                ),
            )
        )
    if "linear" in outputs:
        blocks.append(
            Formula(
                name="mlp-linear",
                text=say("Linear outputs, with the squared error as the loss:"),
                spoken=say(
                    "f equals a of layer L plus 1; the loss equals one half of the sum over k of "
                    "the square of f k minus y k"
                ),
            )
        )
    blocks.append(
        Formula(
            name="mlp-backward",
            text=derivation_sentence(story)
            + " "
            + say(
                "Backpropagation for one image with the one-hot label y, from the outputs to the "
                "first layer:"
            ),
            spoken=say(
                "delta of layer L plus 1 equals f minus y; delta of layer l equals phi prime of a "
                "of layer l times, element by element, W of layer l plus 1 transposed times delta "
                "of layer l plus 1; the gradient of theta of layer l equals delta of layer l times "
                "h tilde of layer l minus 1 transposed"
            ),
        )
    )
    return blocks


def _cnn(story: Story) -> list[Block]:
    say = story.say
    blocks: list[Block] = [
        Paragraph(
            text=say(
                "A convolutional network: three convolutions of 16, 32 and 48 kernels, each "
                "followed by the activation and a max-pooling (2 × 2; after the last onto 4 × 4), "
                "then two dense layers of 256 units and one score for each class. A softmax turns "
                "the scores into probabilities, and the loss is the cross-entropy in nats."
            )
            + " "
            + derivation_sentence(story)
        )
    ]
    layers = (story.record.config.get("model") or {}).get("layers")
    if isinstance(layers, list) and layers:
        blocks.append(
            Paragraph(
                title=say("Layers, from the image to the scores"),
                text=say("; ").join(str(layer) for layer in layers),
            )
        )
    return blocks


def _gradient(story: Story) -> list[Block]:
    """What happens to the gradients of a minibatch; softmax regression says it in its formula."""
    alone = all(size == 1 for size in _used(story, "batch_size"))
    if story.kind == "softmax-regression" or alone or "gradient" in story.varied:
        return []
    return [Paragraph(text=story.gradient_sentence())]


def _optimizers(story: Story) -> list[Block]:
    say = story.say
    optimizers = _used(story, "optimizer")
    in_formula = story.kind in ("perceptron", "shallow")  # Δw already is a step of SGD
    blocks: list[Block] = []
    if in_formula and any(name != "sgd" for name in optimizers):
        blocks.append(
            Paragraph(
                text=say(
                    "SGD adds Δw to each weight. The other optimizers use the gradient G of the "
                    "loss, which is −Δw / η."
                )
            )
        )
    elif story.kind in ("mlp", "cnn") or story.by_trainer:
        blocks.append(
            Paragraph(
                text=say(
                    "In the updates, W stands for all the parameters of the network and G for the "
                    "gradient of the loss with respect to them."
                )
            )
        )
    known = {
        "sgd": (say("SGD, with learning rate η, updates"), say("W becomes W minus eta G")),
        "momentum": (
            say("SGD with momentum μ updates"),
            say("u becomes mu u plus G; W becomes W minus eta u"),
        ),
        "nesterov": (
            say("SGD with Nesterov momentum μ (Sutskever et al., 2013) updates"),
            say("u becomes mu u plus G; W becomes W minus eta times G plus mu u"),
        ),
        "adagrad": (
            say("Adagrad (Duchi et al., 2011) updates"),
            say(
                "s becomes s plus G squared; W becomes W minus eta times G divided by the square "
                "root of s plus epsilon"
            ),
        ),
        "adam": (
            say("Adam (Kingma and Ba, 2015), at step t, updates"),
            _adam(story),
        ),
        "adamw": (
            say(
                "AdamW (Loshchilov and Hutter, 2019), with weight decay λ, first shrinks the "
                "weights, then makes a step of Adam:"
            ),
            say("W becomes 1 minus eta lambda, times W; then a step of Adam:") + " " + _adam(story),
        ),
    }
    if story.by_trainer:
        blocks += weight_decay(story, optimizers)
    for name in optimizers:
        if name in known and not (in_formula and name == "sgd"):
            text, spoken = known[name]
            blocks.append(Formula(name=name, text=text, spoken=spoken))
    return blocks


def _adam(story: Story) -> str:
    return story.say(
        "m becomes beta 1 m plus 1 minus beta 1 times G; v becomes beta 2 v plus 1 "
        "minus "
        "beta 2 times G squared; W becomes W minus eta times m over 1 minus beta 1 to "
        "the "
        "t, divided by the square root of v over 1 minus beta 2 to the t, plus epsilon"
    )


def _steps(story: Story) -> list[Block]:
    """How many steps a model made, where every image makes one."""
    images, epochs = story.train_images, story.record.config.get("epochs")
    if 1 not in _used(story, "batch_size") or images is None or not isinstance(epochs, int):
        return []
    text = story.say(
        "With batch size 1, every image makes one step: one epoch is {steps} steps, and the {n} "
        "planned epochs are {all}."
        if epochs > 1
        else "With batch size 1, every image makes one step: the planned epoch is {steps} steps."
    )
    numbers = story.numbers
    return [
        Paragraph(
            text=text.format(
                steps=numbers.integer(images), n=epochs, all=numbers.integer(images * epochs)
            )
        )
    ]
