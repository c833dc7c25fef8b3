"""INF8225, TP1, part 1: the template's names, shapes and every printed digit."""

import numpy as np
import pytest

from retroprop.bayes.networks import load
from retroprop.labs.inf8225_tp1 import bayes
from retroprop.labs.inf8225_tp1.queries import QUESTIONS, as_printed

# What the document's cells print after np.set_printoptions(precision=5).
PRINTED = {
    "a": "[0.204 0.2316 0.5644]",
    "b": "[0.13273 0.22176 0.64552]",
    "c": "[0.34235 0.25071 0.40694]",
    "d": "[0.54 0.278 0.182]",
    "e": "[0.54 0.278 0.182]",
    "f": "[0.34 0.66]",
    "g": "[0.34 0.66]",
    "h": "[0.21148 0.78852]",
    "i": "[0.24667 0.75333]",
    "j": "[0.2475 0.7525]",
    "k": "[0.2736 0.7264]",
    "l": "[0.34 0.66]",
    "m": "[0.24515 0.75485]",
    "n": "[0.34 0.66]",
    "o": "[0.204 0.2316 0.5644]",
    "p": "0.13789900505510602",
}


@pytest.mark.parametrize("letter", PRINTED)
def test_every_digit_that_the_document_prints(letter):
    answer = getattr(bayes, f"answer_{letter}")
    with np.printoptions(precision=5):
        assert " ".join(f"{answer}".split()) == PRINTED[letter]
    assert QUESTIONS[letter].printed == tuple(PRINTED[letter].strip("[]").split())
    if letter != "p":
        assert tuple(map(as_printed, answer)) == QUESTIONS[letter].printed


@pytest.mark.parametrize("letter", PRINTED)
def test_elimination_gives_the_same_to_rounding(letter):
    found = load("inf8225").ask(QUESTIONS[letter].question)
    assert np.abs(np.array(found) - getattr(bayes, f"answer_{letter}")).max() < 1e-15


def test_the_tables_have_the_documents_shapes_and_numbers():
    shapes = {
        "Pr_S": (2, 1, 1, 1, 1),
        "Pr_D": (1, 2, 1, 1, 1),
        "Pr_R_given_S": (2, 1, 2, 1, 1),
        "Pr_G_given_SD": (2, 2, 1, 3, 1),
        "Pr_L_given_G": (1, 1, 1, 3, 2),
    }
    for name, shape in shapes.items():
        assert getattr(bayes, name).shape == shape
    assert np.squeeze(bayes.Pr_R_given_S).tolist() == [[0.9, 0.1], [0.2, 0.8]]
    assert np.squeeze(bayes.Pr_G_given_SD).tolist() == [
        [[0.5, 0.3, 0.2], [0.9, 0.08, 0.02]],
        [[0.1, 0.2, 0.7], [0.3, 0.4, 0.3]],
    ]
    assert np.squeeze(bayes.Pr_L_given_G).tolist() == [[0.9, 0.1], [0.6, 0.4], [0.01, 0.99]]


def test_the_answers_are_those_of_the_joint_table():
    """The document's own way: the joint table, sliced and summed."""
    names = {name: getattr(bayes, name) for name in bayes.__all__}
    joint = (
        names["Pr_S"] * names["Pr_D"] * names["Pr_R_given_S"] * names["Pr_G_given_SD"]
        * names["Pr_L_given_G"]
    )  # fmt: skip
    b = joint[:, :, 1].sum((0, 1, 3)) / joint[:, :, 1].sum()
    assert np.abs(b - names["answer_b"]).max() < 1e-15
    without_g = (names["Pr_S"] * names["Pr_D"] * names["Pr_R_given_S"] * names["Pr_L_given_G"])[
        :, :, :, 2
    ]
    by_surgery = without_g.sum((0, 1, 3)) / without_g.sum()
    assert np.abs(by_surgery - names["answer_l"]).max() < 1e-15
    assert joint[:, :, :, 1, 1].sum() / joint[..., 1].sum() == pytest.approx(names["answer_p"])


def test_the_names_can_be_imported_and_changed():
    assert set(bayes.__all__) == {
        "Pr_S", "Pr_D", "Pr_R_given_S", "Pr_G_given_SD", "Pr_L_given_G",
        *(f"answer_{letter}" for letter in PRINTED),
    }  # fmt: skip
    assert bayes.Pr_S.flags.writeable
    assert isinstance(bayes.answer_p, float)
