"""Stacks of layers: their table against real modules, and what cannot be read or computed."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from retroprop.calculus.layers import (
    AdaptivePool,
    BatchNorm,
    Conv,
    Flatten,
    Linear,
    Pool,
    TransposedConv,
    Window,
)
from retroprop.calculus.receptive_field import PIXEL, Field, pixels_seen, through
from retroprop.calculus.stack import measure
from retroprop.calculus.stack_text import GRAMMAR, StackError, parse

SHEET = "3x128x128 > conv 32 k8 s2 > maxpool 5 > conv 128 k4 p1"
STACKS = [
    SHEET,
    "1x28x28 > conv 16 k3 > relu > maxpool 2 > conv 32 k3x5 p0x2 s2x1 > batchnorm > "
    "adaptivemaxpool 4x3 > flatten > linear 20 > batchnorm > tanh > linear 10 nobias",
    "8x9x7 > conv 12 k3 g4 p1 nobias > avgpool 3 s2 p1 ceil > convT 6 k4 s2 p1 g2 > sigmoid",
    "4x5x6 > convT 8 k3x2 s3x2 o1x1 d1x2 nobias > maxpool 3 s2 d2 ceil > adaptiveavgpool 2",
    "784 > linear 64 > gelu > dropout > linear 10 > softmax",
]


@pytest.mark.parametrize("text", STACKS)
def test_shapes_parameters_and_multiply_adds_are_those_of_real_modules(text):
    rows = measure(text)
    x = torch.zeros(2, *rows[0].shape, device="meta")  # batch normalization wants two examples
    for row, module in zip(rows[1:], modules(text), strict=True):
        module.to("meta")
        with FlopCounterMode(display=False) as counter:
            x = module(x)
        assert row.shape == tuple(x.shape[1:]), row.text
        named = {name: parameter.numel() for name, parameter in module.named_parameters()}
        assert row.weights == named.get("weight", 0), row.text
        assert row.biases == named.get("bias", 0), row.text
        # a FLOP is a product or a sum; there are two examples
        assert row.multiply_adds == counter.get_total_flops() // 4, row.text
        assert row.values == x[0].numel()


def test_the_numbers_of_the_sheet():
    last = measure(SHEET)[-1]
    assert (last.shape, last.values, last.weights) == ((128, 11, 11), 15_488, 65_536)


@pytest.mark.parametrize(
    "layers",
    [
        "conv 1 k3",
        "conv 1 k3 s2 p1 > conv 1 k5 d2 p4 > conv 1 k2 s3",
        "conv 1 k3 d3 s2 p2 > avgpool 3 s2 p1 ceil > conv 1 k3 p1",
        "conv 1 k3 p3 s2 > conv 1 k3 p3 > avgpool 4 s3",
        "convT 1 k4 s2 p1 > convT 1 k3 s3 p1 o2",
        "convT 1 k2 s3 > conv 1 k3 d2 p1",  # with holes between the windows
        "convT 1 k3 s2 d2 > avgpool 2 s1",
        "convT 1 k3 s4 d6 p2",
        "convT 1 k3 s2 d3 p2 > convT 1 k2 s3 d2",
        "conv 1 k3 s2 > adaptiveavgpool 5 > convT 1 k3 p1",
        "adaptiveavgpool 7 > adaptiveavgpool 3 > adaptiveavgpool 8",
    ],
)
@pytest.mark.parametrize("size", [13, 22])
def test_the_pixels_seen_are_those_with_a_gradient(layers, size):
    text = f"1x{size}x{size} > {layers}"
    steps = [step.layer for step in parse(text).steps]
    network = nn.Sequential(*modules(text)).double()
    for parameter in network.parameters():
        nn.init.ones_(parameter)  # no gradient can cancel
    image = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    output = network(image)
    spans = pixels_seen(steps, size)
    assert len(spans) == output.shape[-1]
    row = output.shape[-2] // 2
    for i, span in enumerate(spans):
        (gradient,) = torch.autograd.grad(output[0, 0, i].sum(), image, retain_graph=True)
        assert span == hull(gradient[0, 0].sum(1)), i
        (gradient,) = torch.autograd.grad(output[0, 0, row, i], image, retain_graph=True)
        across = pixels_seen(steps, size, axis=1)[i]
        assert across == hull(gradient[0, 0].sum(0)) or spans[row] is None, i


def hull(gradient):
    places = gradient.nonzero().flatten().tolist()
    return (places[0], places[-1]) if places else None


@pytest.mark.parametrize(
    "pooling", ["maxpool 3 s2 p1 d2 ceil", "maxpool 2", "maxpool 4 s3 p2", "adaptivemaxpool 9"]
)
def test_the_pixels_in_a_maximum_are_those_that_can_be_it(pooling):
    size = 23
    text = f"1x{size}x{size} > {pooling}"
    (module,), (step,) = modules(text), parse(text).steps
    one_hot = torch.eye(size)[:, None, :, None].expand(-1, -1, -1, size)  # a row of ones each
    reached = module(one_hot)[:, 0, :, 0] > 0  # (pixel, output)
    for column, seen in zip(reached.T, step.layer.seen(0, size), strict=True):
        assert column.nonzero().flatten().tolist() == list(seen)


@pytest.mark.parametrize("layers", ["conv 1 k3 s2 p1 > maxpool 3 s2 p1 > conv 1 k5 d2 p4", SHEET])
def test_the_field_of_the_textbook_is_what_a_value_far_from_the_border_sees(layers):
    text = "1x200x200 > " + layers.removeprefix("3x128x128 > ")
    field = measure(text)[-1].fields[0]
    spans = pixels_seen([step.layer for step in parse(text).steps], 200)
    i = len(spans) // 2
    first = field.start + i * field.jump
    assert spans[i] == (first, first + field.size - 1)


def test_the_fields_of_the_sheet():
    assert [row.fields[0] for row in measure(SHEET)] == [
        PIXEL, Field(8, 2, 0), Field(16, 10, 0), Field(46, 10, -10),
    ]  # fmt: skip
    assert measure("1x40x40 > conv 1 k3x5 s2x1")[-1].sees == (3, 5)


def test_without_a_stride_a_transposed_convolution_has_a_field():
    row = measure("1x9x9 > conv 1 k3 > convT 1 k4 p1 d2")[-1]
    assert row.fields[0] == through(through(PIXEL, Window(3, 1, 0)), Window(7, 1, 5))
    assert measure("1x9x9 > convT 1 k4 s2")[-1].fields is None


def test_the_largest_field_stands_for_windows_that_differ():
    assert measure("1x10x10 > adaptivemaxpool 3x5")[-1].sees == (4, 2)
    rows = measure("1x9x8 > convT 1 k4 s2 > flatten > linear 3 > linear 2")
    assert [row.sees for row in rows] == [(1, 1), (2, 2), (2, 2), (9, 8), (9, 8)]


@pytest.mark.parametrize("name", GRAMMAR)
def test_the_example_of_every_layer_can_be_read(name):
    assert parse(f"4x9x9 > {GRAMMAR[name].usage}").steps[0].text == GRAMMAR[name].usage


def test_letters_signs_and_spaces_may_vary():
    plain = measure(SHEET)
    other = "3×128X128→CONV 32 K8\ts2->MaxPool k5  s5\n> conv 128 p1 k4x4 "
    assert [row[1:] for row in measure(other)] == [row[1:] for row in plain]


@pytest.mark.parametrize(
    ("text", "sentence", "pointed_at"),
    [
        ("", "a stack begins with its input", ""),
        ("3x32", "expected the input first", "3x32"),
        ("conv 32 k3", "expected the input first", "conv"),
        ("0x3x3", "from 1 to 100,000, and got 0", "0x3"),
        ("3x32x32 conv", "expected '>' between the input and the first layer", "conv"),
        ("3x32x32 >", "expected a layer after '>'", ""),
        ("3x32x32 > > relu", "expected a layer after '>'", " > relu"),
        ("3x32x32 > con 8 k3", "Did you mean 'conv' or 'convT'?", "con"),
        ("3x32x32 > conv 8 q3", "'q3' says nothing here", "q3"),
        ("3x32x32 > conv 8 k", "'k' says nothing here", "k"),
        ("3x32x32 > conv 8 k-3", "'k-3' says nothing here", "k-3"),
        ("3x32x32 > conv 8 k3.5", "'k3.5' says nothing here", "k3.5"),
        ("3x32x32 > conv 8 k٣", "'k٣' says nothing here", "k٣"),
        ("3x32x32 > conv 8 k3 g2x2", "'g2x2' says nothing here", "g2x2"),
        ("3x32x32 > conv 8 k3 k5", "gives the kernel a second time", "k5"),
        ("3x32x32 > conv 8 3", "a kernel is written k3", "3"),
        ("3x32x32 > conv 8x8 k3", "expected one number, and got '8x8'", "8x8"),
        ("3x32x32 > conv 8", "lacks the kernel (k3)", ""),
        ("3x32x32 > conv k3 > relu", "lacks the number of channels", " > relu"),
        ("3x32x32 > maxpool", "lacks the window", ""),
        ("3x32x32 > conv 8 k0", "from 1 to 100,000, and got 0", "0"),
        ("3x32x32 > conv 8 k3 s0", "from 1 to 100,000, and got 0", "0"),
        ("3x32x32 > conv 100001 k3", "and got 100001", "100001"),
        ("3x32x32 > conv 8 k" + "9" * 5000, "and got 99999999999999999999.", "999"),
        ("3x32x32 > relu 5", "written like 'relu'", "5"),
        ("3x32x32 > relu > linear 10", "step 2, linear 10: a linear layer takes", "linear 10"),
        ("3x32x32 > flatten > maxpool 2", "step 2, maxpool 2: expected an image", "maxpool 2"),
        ("3x32x4 > conv 8 k5", "step 1, conv 8 k5: along the width", "conv 8 k5"),
        ("3x32x32 > maxpool 3 p2", "at most half of its window, here 1, and got 2", "maxpool"),
        ("3x32x32 > conv 8 k3 g2", "groups must divide both numbers of channels", "conv"),
        ("3x32x32 > convT 8 k3 s2 o2", "output padding must be from 0 to 1", "convT"),
        ("3x2x2 > convT 8 k3 p2", "nothing is left; use a padding of at most 1", "convT"),
    ],
)
def test_the_caret_points_at_what_the_sentence_is_about(text, sentence, pointed_at):
    with pytest.raises(StackError) as refused:
        measure(text)
    error = refused.value
    assert sentence in error.sentence
    assert text[error.position :].startswith(pointed_at)
    _, shown, caret = str(error).split("\n")
    assert shown[caret.index("^") :].startswith(pointed_at[:15])


def test_a_long_text_is_shown_around_the_caret():
    with pytest.raises(StackError) as refused:
        measure("3x32x32 > " + "relu > " * 40 + "rleu" + " > relu" * 40)
    _, shown, caret = str(refused.value).split("\n")
    assert len(shown) < 90
    assert shown[caret.index("^") :].startswith("rleu")
    assert shown.count("…") == 2


# --- the layers as modules of torch ---------------------------------------------------------------


def modules(text):
    """The modules of a stack, in order."""
    stack = parse(text)
    shape, made = stack.input, []
    for step in stack.steps:
        made.append(module(step.layer, step.text, shape))
        shape = step.layer.shape(shape)
    return made


def module(layer, text, shape):
    match layer:
        case TransposedConv():
            return nn.ConvTranspose2d(
                shape[0], layer.out, layer.kernel, layer.stride, layer.padding,
                layer.output_padding, layer.groups, layer.bias, layer.dilation,
            )  # fmt: skip
        case Conv():
            return nn.Conv2d(
                shape[0], layer.out, layer.kernel, layer.stride, layer.padding, layer.dilation,
                layer.groups, layer.bias,
            )  # fmt: skip
        case Pool() if text.startswith("max"):
            return nn.MaxPool2d(
                layer.kernel, layer.stride, layer.padding, layer.dilation, ceil_mode=layer.ceil
            )
        case Pool():
            return nn.AvgPool2d(layer.kernel, layer.stride, layer.padding, layer.ceil)
        case AdaptivePool() if "max" in text:
            return nn.AdaptiveMaxPool2d(layer.size)
        case AdaptivePool():
            return nn.AdaptiveAvgPool2d(layer.size)
        case Flatten():
            return nn.Flatten()
        case Linear():
            return nn.Linear(shape[0], layer.out, layer.bias)
        case BatchNorm():
            return nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0])
    return nn.ReLU()


def test_windows_that_differ_are_not_followed_over_very_many_pixels():
    """Pixel by pixel this would take minutes; the shapes and the counts are known all the same."""
    rows = measure("1x300x300 > convT 1 k3 s299 d7 > conv 1 k3")
    assert rows[-1].shape == (1, 89414, 89414)
    assert rows[-1].sees is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1x100000x100000 > convT 1 k1 s100000", "and a side has 100,000 at most"),
        ("9" + " > relu" * 1001, "a stack has at most 1,000 layers, and this one 1,001"),
    ],
)
def test_a_stack_beyond_all_measure_is_refused(text, sentence):
    with pytest.raises(StackError, match=sentence):
        measure(text)
