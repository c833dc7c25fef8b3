"""The theory sheet, all questions in its order.

Source: IFT3395, Fondements de l'apprentissage machine (Université de Montréal), devoir 3, partie
théorique; 15 points, 28 and 4 as a bonus, 5 and 6 as a bonus. The copy that we have lost the minus
signs of several formulas, in tanh and in 1 (e), (j) and (l); here they are as they must be.
"""

import re

from retroprop.calculus.theory import (
    backward_pass,
    binary_losses,
    convolutions,
    forward_pass,
    hidden_layer,
    norm_gradients,
    softmax,
    usual_functions,
)
from retroprop.calculus.theory.question import Question
from retroprop.errors import UserError, did_you_mean
from retroprop.mathematics.prose import Words

PARTS = {
    1: Words(
        "Derivatives of the usual functions, and how they are related",
        "Dérivées et relations entre fonctions usuelles",
    ),
    2: Words(
        "Gradients of a neural network for classification into several classes",
        "Calcul de gradients d’un réseau de neurones pour la classification multiclasse",
    ),
    3: Words("Convolutional networks", "Réseaux de neurones à convolution"),
}

SHEET: tuple[Question, ...] = tuple(
    sorted(
        (
            *usual_functions.QUESTIONS,
            *norm_gradients.QUESTIONS,
            *softmax.QUESTIONS,
            *forward_pass.QUESTIONS,
            *binary_losses.QUESTIONS,
            *backward_pass.QUESTIONS,
            *hidden_layer.QUESTIONS,
            *convolutions.QUESTIONS,
        ),
        key=lambda question: question.name,
    )
)


def find_question(name: str) -> Question:
    """The question of this name, however it is written: 2i, 2I, "2 (i)", 2.i.

    Raises:
        UserError: If the sheet has no such question.
    """
    plain = re.sub(r"[\s().]", "", name).lower()
    for question in SHEET:
        if question.name == plain:
            return question
    raise UserError(f"the sheet has no question {name!r}. {_suggestion(plain)}")


def _suggestion(name: str) -> str:
    """The range of the part that was meant, or the nearest names."""
    letters = {part: [q.name for q in SHEET if q.part == part] for part in PARTS}
    if name[:1].isdigit() and int(name[0]) in letters:
        of_part = letters[int(name[0])]
        example = next((one for one in of_part if one.endswith("i")), of_part[0])
        return f"Question {name[0]} goes from {of_part[0]} to {of_part[-1]}; try {example}."
    ranges = ", ".join(f"{names[0]} to {names[-1]}" for names in letters.values())
    if len(name) == 1 and name.isalpha():
        return did_you_mean(name, [q.name for q in SHEET if q.name.endswith(name)])
    return f"It has {ranges}."
