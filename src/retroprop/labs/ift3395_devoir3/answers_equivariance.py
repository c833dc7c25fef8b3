"""IFT3395, devoir 3, part 2, question 1: what a convolution is equivariant to, and what for."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from torch import Tensor

from retroprop.data import load
from retroprop.figures.equivariance import equivariance_panels
from retroprop.labs.ift3395_devoir3.checks import scientific
from retroprop.labs.ift3395_devoir3.comparing import comparison, measured
from retroprop.labs.ift3395_devoir3.equivariance import (
    SHIFT,
    Equivariance,
    compare_movements,
    compare_symmetric,
)
from retroprop.labs.ift3395_devoir3.solution import SEED
from retroprop.report.document import Block, Equation, Paragraph, Table, row
from retroprop.report.lab_report import LabReport
from retroprop.report.pictures import picture

ROUNDING = 1e-5
"""Differences below this are those of float32."""

CENTRED = 10_000
"""How many training images tell where their middle lies."""


@cache
def moved() -> Equivariance:
    """The first training image under the template's two convolutions, as the Trainer shows it."""
    return compare_movements(first_image(), seed=SEED)


def first_image() -> Tensor:
    """The first training image, (1, 28, 28), from 0 to 1."""
    return torch.tensor(load("fashion-mnist").train_images[0]).float()[None] / 255


def figures(lab: LabReport) -> Iterator[Block]:
    """2.1: the four figures."""
    say, found = lab.say, moved()
    yield lab.prose(
        "The small network is $f(bx) = cal(R)(K * cal(R)(K * bx))$, with one kernel $K$ of "
        "$3 times 3$ weights and $cal(R)$ the ReLU. The shift goes {right} pixels to the right and "
        "{down} down, the rotation is a quarter turn. Above: the image $bx$ and its features "
        "$f(bx)$; below: what each movement changes, on the scale of the features.",
        right=SHIFT[0],
        down=SHIFT[1],
    )
    inside, beside = _parts(found.shift_difference)
    peak, write = float(found.features.max()), lab.numbers.decimal
    description = say(
        "Four grey images. The features reach {peak}. The shift difference reaches {beside} in the "
        "rows and columns at the upper and left border, and {inside} everywhere else. The rotation "
        "difference reaches {turned}, also inside the shape."
        if float(found.rotation_difference[0, 5:-5, 5:-5].max()) > ROUNDING
        else "Four grey images. The features reach {peak}. The shift difference reaches {beside} "
        "in the rows and columns at the upper and left border, and {inside} everywhere else. The "
        "rotation difference reaches {turned}."
    ).format(
        peak=write(peak, 2),
        beside=write(beside, 2),
        inside=write(inside, 2),
        turned=write(float(found.rotation_difference.max()), 2),
    )
    drawn = equivariance_panels(
        *(panel[0].numpy() for panel in found),
        language=lab.language,
    )
    caption = say(
        "The first training image, what two convolutions make of it, and what changes when the "
        "image is moved before them instead of after them: |g(f(x)) − f(g(x))| for the shift and "
        "for the rotation."
    )
    yield picture("equivariance", caption, description, drawn)
    yield _differences(lab, found, compare_symmetric(first_image(), seed=SEED))


def _parts(difference: Tensor) -> tuple[float, float]:
    """The largest shift difference away from the border that the image left, and beside it."""
    right, down = SHIFT
    inside = difference[0, down:, right:]
    beside = torch.cat([difference[0, :down].flatten(), difference[0, :, :right].flatten()])
    return float(inside.max()), float(beside.max())


def _differences(lab: LabReport, found: Equivariance, symmetric: Equivariance) -> Table:
    """How large the differences are, and where."""
    say, (right, down) = lab.say, SHIFT
    shift = found.shift_difference[0]
    border = torch.ones_like(shift, dtype=torch.bool)
    border[down:, right:] = False
    peak, symmetric_peak = float(found.features.max()), float(symmetric.features.max())
    rows = [
        (say("shift, away from the border that the image left"), shift[~border], peak),
        (say("shift, in the rows and columns beside it"), shift[border], peak),
        (say("rotation"), found.rotation_difference.flatten(), peak),
        (
            say("rotation, with a kernel that a quarter turn leaves as it is"),
            symmetric.rotation_difference.flatten(),
            symmetric_peak,
        ),
    ]
    return Table(
        name="movements",
        caption=say("Differences between moving before and after the convolutions"),
        corner=say("Movement"),
        columns=[say("largest"), say("in % of the largest feature"), say("pixels that differ")],
        rows=[
            row(
                name,
                scientific(lab, float(values.max())),
                lab.numbers.share(float(values.max()) / top, digits=1),
                say("{n} of {all}").format(n=int((values > ROUNDING).sum()), all=values.numel()),
            )
            for name, values, top in rows
        ],
    )


def to_which(lab: LabReport) -> Iterator[Block]:
    """2.1 (a)."""
    say, found, symmetric = lab.say, moved(), compare_symmetric(first_image(), seed=SEED)
    inside, beside = _parts(found.shift_difference)
    yield lab.prose(
        "A convolutional layer is equivariant to *translations*, away from the borders, and to "
        "nothing else in general: not to rotations, not to changes of size, not to reflections. "
        "The reason is its formula, where the kernel is the same at every place $i$:"
    )
    yield Equation(
        source="(K * cal(T)_t bx)_i = sum_j K_j x_(i + j - t) = (K * bx)_(i - t) "
        "= (cal(T)_t (K * bx))_i"
    )
    yield lab.prose(
        "Nothing in it turns the kernel with the image: after a rotation $cal(Q)$ the sum meets "
        "the weights of $K$ in another order, and $K * cal(Q) bx = cal(Q)(cal(Q)^(-1) K * bx)$. "
        "Both are equal only where $cal(Q)^(-1) K = K$. The ReLU works on each value alone and "
        "changes nothing of this; a pooling with a stride of 2 leaves equivariance only to shifts "
        "by an even number of pixels."
    )
    turned, alike = (float(one.rotation_difference.max()) for one in (found, symmetric))
    yield lab.prose(
        "The figures agree: the shift difference is {inside} away from the borders, and only the "
        "rows and columns that the image left behind differ, because there zeros were shifted in "
        "after the layers in one case and before them in the other."
        if inside <= ROUNDING < beside
        else "The figures do not show it cleanly: the shift difference reaches {inside} away from "
        "the borders.",
        inside=scientific(lab, inside),
        title="Measured",
    )
    text = say(
        "The rotation difference reaches {turned} ({share} of the largest feature), and {alike} "
        "with a kernel that a quarter turn leaves as it is."
        if alike <= ROUNDING < turned
        else "The rotation difference reaches {turned} ({share} of the largest feature), and "
        "{alike} with a kernel that a quarter turn leaves as it is: the kernel alone does not "
        "explain it."
    )
    yield Paragraph(
        text=text.format(
            turned=scientific(lab, turned),
            share=lab.numbers.percent(turned / float(found.features.max()), digits=0),
            alike=scientific(lab, alike),
        )
    )


def how_useful(lab: LabReport) -> Iterator[Block]:
    """2.1 (b): the argument, and what the images say."""
    yield lab.prose(
        "Equivariance is useful where the movement keeps the label and occurs in the data. What a "
        "layer learns at one place it then knows at all places, from the examples of all of them, "
        "with the weights of one. Where the movement does not occur, the constraint buys nothing; "
        "where it changes the label, it destroys what is needed: a 6 that is turned is a 9. "
        "Photographs are taken upright but framed at will, so shifts occur and quarter turns "
        "hardly do; in pictures from a microscope or from above, all orientations occur, and "
        "layers that are equivariant to rotations pay (Cohen & Welling, 2016)."
    )
    yield lab.prose(
        "So it depends on both: on the algorithm, for which the equivariance is a constraint on "
        "the functions it may find, and on the distribution of the data, which decides whether "
        "the right function is among them. A learner without the constraint can still acquire it "
        "from moved copies of the images (data augmentation), at the price of more examples and "
        "more computation."
    )
    down, right = _middles()
    text = (
        "Fashion-MNIST is a case where shifts hardly occur: over {n} training images, the "
        "brightness-weighted middle of the garment varies by {right} pixels sideways and {down} "
        "pixels in height (standard deviations), of 28. Less is to be gained from the "
        "equivariance than on photographs framed at will."
        if max(down, right) < 3
        else "In Fashion-MNIST shifts occur: over {n} training images, the brightness-weighted "
        "middle of the garment varies by {right} pixels sideways and {down} pixels in height "
        "(standard deviations), of 28."
    )
    write = lab.numbers.decimal
    yield lab.prose(
        text,
        title="Measured",
        n=lab.numbers.integer(CENTRED),
        right=write(right, 1),
        down=write(down, 1),
    )


@cache
def _middles() -> tuple[float, float]:
    """How far the middles of the images vary, in pixels: in height and sideways."""
    images = load("fashion-mnist").train_images[:CENTRED].astype(np.float32)
    whole, places = images.sum((1, 2)), np.arange(images.shape[1])
    return (
        float((images.sum(2) @ places / whole).std()),
        float((images.sum(1) @ places / whole).std()),
    )


def useful_here(lab: LabReport) -> Iterator[Block]:
    """2.1 (b): whether the recorded networks gained from it."""
    report = lab.study("ift3395-architectures")
    dense, convolutional = (measured(report, name) for name in ("mlp 256-256", "cnn 16-32-45 k3"))
    if dense is None or convolutional is None:
        yield lab.prose("The networks that would show whether it pays here are not finished yet.")
        return
    verdict = report.verdict(convolutional.cell, dense.cell)
    text = lab.say(
        "{difference} So the networks of questions 3 and 4 gain from their convolutions all the "
        "same, though other things than equivariance differ between the two."
        if verdict.sign > 0
        else "{difference} The networks of questions 3 and 4 agree with that: with as many "
        "parameters, the convolutions gain nothing here that could be measured."
        if verdict.sign == 0
        else "{difference} The networks of questions 3 and 4 go further: with as many parameters, "
        "the convolutions lose here."
    )
    yield Paragraph(text=text.format(difference=comparison(report, convolutional, dense)))
