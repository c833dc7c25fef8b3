"""Problems 1 to 3 and question 4.1: how the networks are written, and proofs that they are right.

Every number here is computed while the document is written. The networks are imported where they
are used: a list of the assignments does without torch.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retroprop.labs.ift6135_devoir1.tables import ROUNDING, agreement_table, facts, shape, work
from retroprop.labs.source_code import source
from retroprop.report.document import Block, Equation, Table
from retroprop.report.lab_report import LabReport

if TYPE_CHECKING:
    from retroprop.labs.ift6135_devoir1.checks import LayerStart


def linear(lab: LabReport) -> Iterator[Block]:
    """1.1: the linear layer."""
    from retroprop.labs.ift6135_devoir1.checks import linear_errors
    from retroprop.models.mlp import Linear

    yield lab.prose(
        "The layer keeps two tensors: weight, of shape (out, in), and bias, of shape (out). It "
        "maps every row of a minibatch $bX$, of shape (batch, in), by the same matrix; the weight "
        "is transposed because it is stored as torch stores it. Its gradients follow from the "
        "product, and autograd forms the same ones."
    )
    yield Equation(
        source="bY &= bX bW^top + bone bb^top \\ "
        "frac(partial L, partial bW) &= frac(partial L, partial bY)^top bX \\ "
        "frac(partial L, partial bb) &= frac(partial L, partial bY)^top bone \\ "
        "frac(partial L, partial bX) &= frac(partial L, partial bY) bW"
    )
    yield source(Linear)
    errors = linear_errors()
    worst = max(errors.values())
    yield lab.prose(
        "Checked while this was written, on 11 random rows in float64: the output and the three "
        "gradients of autograd are those of the formulas, each sum written out. The largest "
        "difference is {worst}, which is rounding."
        if worst < ROUNDING
        else "Checked while this was written, on 11 random rows in float64: the output and the "
        "gradients *differ* from the formulas by up to {worst}.",
        worst=lab.numbers.power_of_ten(worst),
    )
    yield agreement_table(lab, ["Linear"])


def build_layers(lab: LabReport) -> Iterator[Block]:
    """1.2: the layers of the MLP and their initial weights."""
    from retroprop.labs.ift6135_devoir1.checks import layer_starts
    from retroprop.models.mlp import MLP

    yield lab.prose(
        "_build_layers makes one linear layer for each pair of neighbouring sizes, and a last one "
        "from the last hidden layer to the classes. _initialize_linear_layer sets the biases to 0 "
        "and draws the weights from Xavier’s normal distribution:"
    )
    yield Equation(
        source='W_(i j) in cal(N)(0, sigma^2), quad sigma = sqrt(frac(2, n_"in" + n_"out"))'
    )
    yield source(MLP._build_layers, MLP._initialize_linear_layer)
    yield lab.prose(
        "Why this variance: for a function of slope 1 at 0, activations keep their variance from "
        'layer to layer when it is $1 slash n_"in"$, and gradients on their way back when it is '
        '$1 slash n_"out"$. Both at once is impossible where the sizes differ, and Xavier’s rule '
        "takes the harmonic mean (Glorot and Bengio, 2010). It assumes a slope of 1: for ReLU, "
        "whose slope is 0 on half of its inputs, He et al. (2015) double the variance, and the "
        "sigmoid’s slope is 1/4 at most. The assignment asks for Xavier’s rule with all three."
    )
    yield _starts(lab, layer_starts())


def _starts(lab: LabReport, layers: "Sequence[LayerStart]") -> Table:
    say, numbers = lab.say, lab.numbers
    rows = [
        (
            shape((one.outputs, one.inputs)),
            [
                numbers.decimal(one.wanted, 4),
                numbers.decimal(one.deviation, 4),
                numbers.decimal(one.largest_bias, 0),
                numbers.integer(one.outputs * (one.inputs + 1)),
            ],
        )
        for one in layers
    ]
    total = sum(one.outputs * (one.inputs + 1) for one in layers)
    return facts(
        "starts",
        say("The layers of our MLP before training (3,072 inputs, 10 classes)"),
        say("weight (out × in)"),
        [
            say("wanted σ"),
            say("σ of the weights drawn"),
            say("largest |bias|"),
            say("parameters"),
        ],
        rows,
        notes=[say("{n} parameters in all.").format(n=numbers.integer(total))],
    )


def activations(lab: LabReport) -> Iterator[Block]:
    """1.3: the activation function and the forward pass."""
    from retroprop.labs.ift6135_devoir1.checks import forward_error
    from retroprop.models.mlp import MLP

    yield lab.prose(
        "activation_fn applies the function of that name: relu, tanh or sigmoid (and gelu, for the "
        "Mixer). An unknown name is refused, with a suggestion. forward flattens each image to "
        "3,072 numbers, then alternates layers and activation functions. The output layer has "
        "none: it gives logits, and the softmax belongs to the loss."
    )
    yield Equation(
        source='"ReLU"(a) &= max(0, a) \\ '
        '"tanh"(a) &= frac(e^a - e^(-a), e^a + e^(-a)) \\ '
        "sigma(a) &= frac(1, 1 + e^(-a)) \\ "
        "bh_0 &= bx, quad bh_l = f(bW_l bh_(l - 1) + bb_l) \\ "
        "bz &= bW_(L + 1) bh_L + bb_(L + 1)"
    )
    yield source(MLP.activation_fn, MLP.forward)
    difference = forward_error()
    yield lab.prose(
        "Checked while this was written: with the same weights, a stack of torch’s own layers "
        "gives the same logits for four random images; the largest difference is {difference}."
        if difference < ROUNDING
        else "Checked while this was written: with the same weights, a stack of torch’s own layers "
        "gives *other* logits; the largest difference is {difference}.",
        difference=lab.numbers.power_of_ten(difference),
    )
    yield agreement_table(lab, ["ReLU", "Tanh", "Sigmoid", "MLP"])


def basic_block(lab: LabReport) -> Iterator[Block]:
    """2.1: the residual block."""
    from retroprop.labs.ift6135_devoir1.checks import block_summary, shortcut_error
    from retroprop.models.resnet18 import BasicBlock

    yield lab.prose(
        "A block adds what two convolutions make of $bx$ to $bx$ itself. The missing arguments "
        "follow from the shapes: a sum needs two terms of one shape. Kernels of 3 × 3 with padding "
        "1 keep the size; only the first convolution has the stride, so the block shrinks once. "
        "Where stride or channels change, the shortcut is a convolution of 1 × 1 with the same "
        "stride; elsewhere it is the identity and learns nothing. The convolutions have no bias, "
        "because the batch normalization behind them would subtract it again."
    )
    yield Equation(
        source='by &= "ReLU"(F(bx) + s(bx)) \\ '
        'F &= "BN" after "conv" after "ReLU" after "BN" after "conv" \\ '
        "n' &= floor(frac(n + 2 p - k, s)) + 1"
    )
    yield source(BasicBlock)
    summary = block_summary(64, 128, 2, 32)
    yield facts(
        "block-parts",
        lab.say("A block from 64 to 128 channels with stride 2, on an input of 64 × 32 × 32"),
        lab.say("part"),
        [lab.say("output"), lab.say("parameters")],
        [
            (one.name, [shape(one.output_shape), lab.numbers.integer(one.parameters)])
            for one in summary.layers
            if one.parameters
        ],
        words=(0,),
        notes=[
            lab.say("{n} parameters in all.").format(n=lab.numbers.integer(summary.parameters)),
        ],
    )
    yield lab.prose(
        "What the shortcut is for: where the branch $F$ gives 0, the block passes its input on. "
        "Checked while this was written: with the scale of the second normalization at 0, a block "
        "gives back non-negative inputs with a largest difference of {difference}. So a deep "
        "network can begin near a shallow one, and the gradient has a way back that no weight "
        "multiplies (He et al., 2016).",
        difference=lab.numbers.power_of_ten(shortcut_error()),
    )
    yield agreement_table(lab, ["Conv2d", "BatchNorm2d", "BasicBlock"])


def resnet(lab: LabReport) -> Iterator[Block]:
    """2.2: ResNet-18."""
    from retroprop.labs.ift6135_devoir1.checks import resnet_stages
    from retroprop.models.resnet18 import ResNet18

    numbers, stages = lab.numbers, resnet_stages()
    total = sum(one.parameters for one in stages)
    yield lab.prose(
        "A stem of 3 × 3 kernels, four stages of two blocks, the mean over all places, one linear "
        "layer: 17 convolutions on the main path and the linear layer make the 18. From the second "
        "stage on, the first block of a stage halves the sides and doubles the channels, so every "
        "stage costs about the same. On an image of CIFAR-10 the network has {total} parameters "
        "and makes {products} million multiplications; {share} of its parameters are in the last "
        "stage.",
        total=numbers.integer(total),
        products=numbers.integer(sum(one.multiply_adds for one in stages) / 1e6),
        share=numbers.percent(
            next(one.parameters for one in stages if one.name == "layer4") / total, digits=0
        ),
    )
    yield source(ResNet18._make_layer, ResNet18.forward)
    yield facts(
        "stages",
        lab.say("The parts of ResNet-18, for one image of 3 × 32 × 32"),
        lab.say("part"),
        [lab.say("output"), lab.say("parameters"), lab.say("multiplications (millions)")],
        work(lab, stages),
        words=(0,),
    )
    yield agreement_table(lab, ["ResNet18"])


def patch_embedding(lab: LabReport) -> Iterator[Block]:
    """3.1: patches by a convolution."""
    from retroprop.labs.ift6135_devoir1.checks import embedding
    from retroprop.models.mlpmixer import PatchEmbed

    found = [embedding(256, 8, 512), embedding(32, 4, 256)]
    worst = max(one.error for one in found)
    yield lab.prose(
        "The missing arguments are kernel_size = stride = patch_size. A kernel as large as a patch "
        "that moves by a whole patch sees each patch once and nothing else, so the convolution is "
        "one linear layer on every patch: kernel number $d$, read as a row of $3 P^2$ numbers, is "
        "row $d$ of the layer’s matrix."
    )
    yield Equation(
        source="z_(d, i, j) = b_d + sum_(c, u, v) W_(d, c, u, v) x_(c, P i + u, P j + v), "
        "quad 0 <= u, v < P"
    )
    yield source(PatchEmbed.__init__, PatchEmbed.forward)
    yield lab.prose(
        "The example of the assignment, computed: an image of 256 × 256 in patches of 8 × 8 gives "
        "{n} patches, each of 192 numbers, and a layer of shape (192, 512) embeds them. Patches "
        "cut out and multiplied by the matrix give the same tokens as the convolution: the largest "
        "difference in float64 is {worst}."
        if worst < ROUNDING
        else "The example of the assignment, computed: {n} patches. The convolution and the matrix "
        "on patches cut out *differ* by up to {worst}.",
        n=lab.numbers.integer(found[0].patches),
        worst=lab.numbers.power_of_ten(worst),
    )
    yield facts(
        "embeddings",
        lab.say("One convolution beside a linear layer on patches that are cut out"),
        lab.say("image, patch"),
        [
            lab.say("patches"),
            lab.say("shape of the linear layer"),
            lab.say("largest difference"),
        ],
        [
            (
                f"{shape((one.side, one.side))}, {shape((one.patch, one.patch))}",
                [
                    lab.numbers.integer(one.patches),
                    f"({3 * one.patch**2}, {one.dim})",
                    lab.numbers.power_of_ten(one.error),
                ],
            )
            for one in found
        ],
        words=(1,),
    )
    yield agreement_table(lab, ["PatchEmbedding"])


def mixer(lab: LabReport) -> Iterator[Block]:
    """3.2: the Mixer block and the whole network."""
    from retroprop.labs.ift6135_devoir1.checks import (
        mixer_summary,
        reached,
        token_mixing_by_channel,
    )
    from retroprop.models.mlpmixer import MixerBlock, Mlp, MLPMixer

    say, numbers, places = lab.say, lab.numbers, reached()
    yield lab.prose(
        "The tokens of an image are a table $bX$ of $S$ patches by $D$ channels. A block makes two "
        "steps, each around a shortcut and behind a layer normalization over the channels. The "
        "first MLP, $f$, works on the columns: it mixes the patches, the same way for every "
        "channel. The second, $g$, works on the rows: it mixes the channels, the same way for "
        "every patch. Both have one hidden layer, each with its own weights. The head takes the "
        "mean over the patches."
    )
    yield Equation(
        source='bU &= bX + f("LN"(bX)^top)^top \\ '
        'bY &= bU + g("LN"(bU)) \\ '
        'f(bx), g(bx) &= bW_2 "GELU"(bW_1 bx + bb_1) + bb_2'
    )
    yield source(Mlp.forward, MixerBlock.forward, MLPMixer.forward)
    yield lab.prose(
        "What each step sees, computed from gradients on a grid of 8 × 8: one token after token "
        "mixing depends on {tokens} of the 64 patches, after channel mixing on {channels}; one "
        "place after a convolution of 3 × 3 on {convolution}. That all channels share one "
        "token-mixing MLP was checked by applying it to one channel after the other: the largest "
        "difference is {difference}.",
        tokens=places["tokens"],
        channels=places["channels"],
        convolution=places["convolution"],
        difference=lab.numbers.power_of_ten(token_mixing_by_channel()),
    )
    summary = mixer_summary()
    yield facts(
        "mixer-parts",
        say("The parts of the MLP-Mixer: patches of 4 × 4, 256 channels, 4 blocks"),
        say("part"),
        [say("output"), say("parameters"), say("multiplications (millions)")],
        work(lab, summary.grouped(2)),
        words=(0,),
        notes=[say("{n} parameters in all.").format(n=numbers.integer(summary.parameters))],
    )
    yield agreement_table(lab, ["TokenMixing", "ChannelMixing", "MixerBlock", "MLPMixer"])


def cross_entropy(lab: LabReport) -> Iterator[Block]:
    """4.1: the loss, without torch's."""
    from retroprop.labs.ift6135_devoir1.checks import loss_checks
    from retroprop.labs.ift6135_devoir1.utils import cross_entropy_loss

    say, numbers, found = lab.say, lab.numbers, loss_checks()
    yield lab.prose(
        "The loss is the mean of $-ln p_y$, with $p$ the softmax of the logits $bz$. The logarithm "
        "of the softmax is written as a difference, so no probability is ever rounded to 0. The "
        "largest logit of a row is taken off first: the loss does not change, and the exponential "
        "cannot overflow."
    )
    yield Equation(
        source="L &= frac(1, n) sum_i (ln sum_c e^(z_(i c) - m_i) - (z_(i y_i) - m_i)) \\ "
        "m_i &= max_c z_(i c) \\ "
        'frac(partial L, partial z_(i c)) &= frac(p_(i c) - "1"[c = y_i], n)'
    )
    yield source(cross_entropy_loss)
    rows = [
        (
            say("loss, against torch.nn.functional.cross_entropy"),
            lab.numbers.power_of_ten(found.loss),
        ),
        (say("gradient, against that of torch’s loss"), lab.numbers.power_of_ten(found.gradient)),
        (say("gradient, against (p − onehot(y)) / n"), lab.numbers.power_of_ten(found.formula)),
        (
            say("ten equal logits: loss minus ln 10 = 2.302585"),
            lab.numbers.power_of_ten(abs(found.uniform - 2.302585092994046)),
        ),
        (say("logits of ±100,000 in float32: the loss"), numbers.integer(found.huge)),
    ]
    yield facts(
        "loss-checks",
        say("cross_entropy_loss on 128 random rows of ten logits, in float64 unless said"),
        say("what is compared"),
        [say("largest difference, or value")],
        [(name, [value]) for name, value in rows],
        notes=[
            say(
                "Computed while this document was written. Half of the rows with ±100,000 are "
                "right by 200,000 and half are wrong by as much: the exact loss is 100,000."
            )
        ],
    )
