"""What was trained, for the networks of the visible loop: layers, loss, images and schedule.

The letters are those of the assignments and of the papers: a, h, θ and φ for the multilayer
perceptron (INF8225, part 3), W ∗ H for a convolution, S patches and C channels for the Mixer
(Tolstikhin et al., 2021, equation 1), z for the scores of the classes. The templates know each
formula by name.
"""

from collections.abc import Sequence

from retroprop.calculus.architectures import parse_architecture
from retroprop.report.document import Block, Formula, Paragraph
from retroprop.report.formulas import activation_formulas, derivation_sentence, mlp_formula
from retroprop.report.story import Story, setting_of


def network_blocks(story: Story) -> list[Block]:
    """Multilayer perceptrons and convolutional networks, each with its layers."""
    say = story.say
    chosen = {text: parse_architecture(text) for text in story.values("architecture")}
    blocks: list[Block] = []
    if any(not one.channels for one in chosen.values()):
        blocks.append(mlp_formula(story))
    if any(one.channels for one in chosen.values()):
        blocks.append(
            Formula(
                name="cnn-layer",
                text=say(
                    "A convolutional network (CNN). Each convolution ∗, of stride 1 and without "
                    "padding, is followed by the activation function φ and a max-pooling: 2 × 2, "
                    "and after the last convolution onto 4 × 4. Dense layers follow, as in a "
                    "multilayer perceptron. From the image H of layer 0,"
                ),
                spoken=say(
                    "H of layer l equals the pooling of phi of W of layer l convolved with H of "
                    "layer l minus 1, plus b of layer l"
                ),
            )
        )
    for text in chosen:
        blocks.append(
            Paragraph(title=story.setting("architecture", text), text=_layers(story, text))
        )
    return [*blocks, *activation_formulas(story), *_losses(story), _derived(story)]


def resnet_blocks(story: Story) -> list[Block]:
    """ResNet-18: its block, batch normalization, its stages."""
    say = story.say
    return [
        Formula(
            name="resnet-block",
            text=say(
                "A residual network (He et al., 2016), made of blocks of two convolutions of 3 × 3 "
                "with batch normalisation BN and a shortcut s around them. s is the identity, or "
                "a 1 × 1 convolution with BN where the shape changes:"
            ),
            spoken=say(
                "H prime equals ReLU of BN of W 2 convolved with ReLU of BN of W 1 convolved with "
                "H, plus s of H"
            ),
        ),
        Formula(
            name="batch-norm",
            text=say(
                "Batch normalisation of one channel: m and v are its mean and variance over the "
                "minibatch and all places, and running means of them once the training is over:"
            ),
            spoken=say(
                "BN of h equals gamma times h minus m, divided by the square root of v plus "
                "epsilon, plus beta"
            ),
        ),
        Paragraph(
            title=say("Layers, from the image to the scores"),
            text=_with_parameters(
                story,
                say(
                    "a convolution of 64 kernels of 3 × 3 with BN and ReLU; four stages of two "
                    "blocks each, with 64, 128, 256 and 512 channels, the last three halving "
                    "height and width; the mean over all places; one linear layer"
                ),
                None,
            ),
        ),
        *_losses(story),
        _derived(story),
    ]


def mixer_blocks(story: Story) -> list[Block]:
    """The MLP-Mixer: its block, its sizes."""
    say = story.say
    sizes = [
        say("{name}: {cell}").format(
            name=story.setting_name(key),
            cell=_counts(story, story.values(key)),
        )
        for key in ("patch_size", "embedding", "blocks", "drop_rate")
        if story.values(key) not in ([None], [0.0])
    ]
    layers = say(
        "the image is cut into squares, and one linear map makes a token of each; the blocks; a "
        "layer normalisation; the mean over the tokens; one linear layer. The MLP that mixes "
        "tokens has half as many hidden units as a token has numbers, the one that mixes channels "
        "four times as many"
    )
    return [
        Formula(
            name="mixer-block",
            text=say(
                "An MLP-Mixer (Tolstikhin et al., 2021). The image is a matrix X of S tokens, one "
                "for each patch, by C channels. A block mixes the tokens by the same MLP for every "
                "channel c, then the channels by the same MLP for every token s; LN is the layer "
                "normalisation of a token:"
            ),
            spoken=say(
                "U in column c equals X in column c plus W 2 times phi of W 1 times LN of X in "
                "column c; Y in row s equals U in row s plus W 4 times phi of W 3 times LN of U in "
                "row s"
            ),
        ),
        Paragraph(
            title=say("Layers, from the image to the scores"),
            text=_with_parameters(story, layers, None),
        ),
        Paragraph(title=say("Sizes"), text=say("; ").join(sizes) + "."),
        *activation_formulas(story),
        *_losses(story),
        _derived(story),
    ]


def weight_decay(story: Story, optimizers: Sequence[str]) -> list[Block]:
    """Where the decay of the weights goes, if there is any."""
    decays = [value for value in story.values("weight_decay") if value]
    coupled = [story.setting("optimizer", name) for name in optimizers if name != "adamw"]
    if not decays or not coupled:
        return []
    text = story.say(
        "Weight decay λ is added to the gradient before the step of {optimizers}:"
    ).format(optimizers=story.listed(coupled))
    spoken = story.say("G becomes G plus lambda W")
    return [Formula(name="weight-decay", text=text, spoken=spoken)]


def schedule_blocks(story: Story) -> list[Block]:
    """How the learning rate moves; nothing where it stays."""
    say = story.say
    if "warmup-cosine" not in story.values("schedule"):
        return []
    return [
        Formula(
            name="warmup-cosine",
            text=say(
                "The learning rate rises in a line over the first w steps, a twentieth of all "
                "S steps, then falls along half a cosine wave to 0 (Loshchilov and Hutter, "
                "2017). At step s, counted from 0,"
            ),
            spoken=say(
                "eta of s equals eta times s plus 1 over w for s below w, and eta times one "
                "half of one plus the cosine of pi times s minus w over S minus w after that"
            ),
        )
    ]


def training_blocks(story: Story) -> list[Block]:
    """What is done to the images, and how numbers are kept."""
    say = story.say
    blocks: list[Block] = []
    normalizations = {
        "raw": say("The network reads the bytes of the image, 0 to 255, as they are."),
        "unit": say("The network reads the bytes of the image divided by 255."),
        "per-pixel": say(
            "From each pixel its mean over the training images is subtracted, and the rest divided "
            "by its standard deviation."
        ),
        "per-channel": say(
            "From each channel its mean over the training images is subtracted, and the rest "
            "divided by its standard deviation."
        ),
    }
    used = [name for name in story.values("normalization") if name in normalizations]
    if len(used) > 1:
        for name in used:
            phrase = story.phrase("normalization", name)
            title = phrase[:1].upper() + phrase[1:]
            blocks.append(Paragraph(title=title, text=normalizations[name]))
    texts = [normalizations[used[0]]] if len(used) == 1 else []
    texts += _augmentation(story)
    if texts:
        blocks.append(Paragraph(title=say("Images"), text=" ".join(texts)))
    numerics = _numerics(story)
    if numerics:
        blocks.append(Paragraph(title=say("Training"), text=" ".join(numerics)))
    return blocks


def _augmentation(story: Story) -> list[str]:
    """What happens to training images, and in which order they come."""
    say, texts = story.say, []
    if "flip-crop" in story.values("augmentation"):
        texts.append(
            say(
                "Each time a training image is visited, it is mirrored with probability ½ and "
                "replaced by a random part of it, of 80 to 100 % of its area with sides in a ratio "
                "of 0.9 to 1.1, enlarged to its size again. The images of validation and test stay "
                "as they are."
            )
        )
    orders = {
        True: say("Each epoch visits the images in a new random order."),
        False: say("Every epoch visits the images in the order of the file."),
    }
    order = story.values("shuffle")
    if len(order) == 1 and order[0] in orders:
        texts.append(orders[order[0]])
    return texts


def _numerics(story: Story) -> list[str]:
    """Initial weights, precision, and what ends or bounds a training."""
    say, texts = story.say, []
    starts = {
        "torch": say(
            "Weights and biases start from a uniform distribution whose width is that of torch: "
            "±1/√n, with n the inputs of a unit."
        ),
        "xavier": say(
            "Weights start from a normal distribution of variance 2/(n + m), with n the inputs and "
            "m the units of a layer (Glorot and Bengio, 2010), biases from 0."
        ),
    }
    texts += [starts[name] for name in story.values("initialization") if name in starts]
    if story.values("precision") == ["bfloat16"]:
        texts.append(
            say(
                "Products are computed in bfloat16; parameters, losses and updates stay in float32."
            )
        )
    for clip in story.values("clip_norm"):
        if clip is not None:
            texts.append(
                say("A gradient longer than {n} is shortened to that norm.").format(
                    n=story.numbers.setting(clip)
                )
            )
    for patience in story.values("patience"):
        if patience is not None:
            texts.append(
                say(
                    "A training ends after {n} epochs without a better validation accuracy."
                ).format(n=patience)
            )
    return texts


def _losses(story: Story) -> list[Block]:
    say = story.say
    known = {
        "cross-entropy": (
            say(
                "A softmax turns the score z of each class into a probability, and the loss is the "
                "cross-entropy in nats, with the one-hot label y:"
            ),
            say(
                "p k equals the exponential of z k divided by the sum over c of the exponentials "
                "of z c; the loss equals minus the sum over k of y k times the logarithm of p k"
            ),
        ),
        "clamped-cross-entropy": (
            say(
                "A softmax turns the score z of each class into a probability, which is cut into "
                "the interval from ε to 1 − ε, ε = 10⁻⁹, before the logarithm, as the "
                "assignment’s template has it. With the one-hot label y, the loss in nats is"
            ),
            say(
                "p k equals the exponential of z k divided by the sum over c of the exponentials "
                "of z c; the loss equals minus the sum over k of y k times the logarithm of the "
                "minimum of 1 minus epsilon and the maximum of epsilon and p k"
            ),
        ),
    }
    blocks: list[Block] = []
    for name in story.values("loss"):
        if name in known:
            text, spoken = known[name]
            blocks.append(Formula(name=name, text=text, spoken=spoken))
    if any(story.values("label_smoothing")):
        blocks.append(
            Formula(
                name="label-smoothing",
                text=say(
                    "Label smoothing s gives a part of the label to all K classes, in training "
                    "alone:"
                ),
                spoken=say("y k becomes 1 minus s, times y k, plus s over K"),
            )
        )
    return blocks


def _derived(story: Story) -> Paragraph:
    return Paragraph(text=derivation_sentence(story))


def _layers(story: Story, text: str) -> str:
    """The layers of an architecture, in words."""
    say, chosen = story.say, parse_architecture(text)
    layers = _dense(story, chosen.dense)
    if chosen.channels:
        layers = say("{convolutions}, then {dense}").format(
            convolutions=say(
                "a convolution of {kernels} kernels of {k} × {k}"
                if len(chosen.channels) == 1
                else "convolutions of {kernels} kernels of {k} × {k}"
            ).format(kernels=_counts(story, chosen.channels), k=chosen.kernel_sizes[0]),
            dense=layers,
        )
    return _with_parameters(story, layers, text)


def _dense(story: Story, sizes: Sequence[int]) -> str:
    say = story.say
    if len(sizes) == 1:
        return say("a hidden layer of {n} units").format(n=sizes[0])
    if len(set(sizes)) == 1:
        return say("{layers} hidden layers of {n} units").format(layers=len(sizes), n=sizes[0])
    return say("hidden layers of {n} units").format(n=_counts(story, sizes))


def _counts(story: Story, sizes: Sequence[float]) -> str:
    """Whole numbers as a sentence lists them; commas cannot be taken for decimal ones."""
    if len(sizes) == 1:
        return story.numbers.setting(sizes[0])
    *first, last = (story.numbers.setting(size) for size in sizes)
    return story.say("{first} and {last}").format(first=", ".join(first), last=last)


def _with_parameters(story: Story, layers: str, architecture: str | None) -> str:
    """The layers with the number of parameters, where the records hold one."""
    counts = {
        run.parameters
        for run in story.runs
        if architecture in (None, setting_of(run, "architecture"))
    }
    sentence = layers[:1].upper() + layers[1:]
    if len(counts) != 1 or None in counts:
        return sentence + "."
    (count,) = counts
    return story.say("{layers}; {n} parameters.").format(
        layers=sentence, n=story.numbers.integer(count or 0)
    )
