"""The theory sheet, all questions in its order.

Source: IFT3395, Fondements de l'apprentissage machine (Université de Montréal), devoir 3, partie
théorique; 15 points, 28 and 4 as a bonus, 5 and 6 as a bonus. The copy that we have lost the minus
signs of several formulas, in tanh and in 1 (e), (j) and (l); here they are as they must be.
"""

import re

from retroprop.errors import UserError, did_you_mean
from retroprop.labs.ift3395_theorie import (
    answers_backward_pass,
    answers_binary_losses,
    answers_convolutions,
    answers_forward_pass,
    answers_hidden_layer,
    answers_norms,
    answers_softmax,
    answers_usual_functions,
)
from retroprop.labs.ift3395_theorie.proved_question import ProvedQuestion
from retroprop.languages import say_later

PARTS = {
    1: say_later("1. Derivatives of the usual functions, and how they are related"),
    2: say_later("2. Gradients of a neural network for classification into several classes"),
    3: say_later("3. Convolutional networks"),
}

_ANSWERS = (
    answers_usual_functions,
    answers_norms,
    answers_softmax,
    answers_forward_pass,
    answers_binary_losses,
    answers_backward_pass,
    answers_hidden_layer,
    answers_convolutions,
)
SHEET: tuple[ProvedQuestion, ...] = tuple(
    sorted(
        (question for one in _ANSWERS for question in one.QUESTIONS),
        key=lambda question: question.name,
    )
)


def find_question(name: str) -> ProvedQuestion:
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
