"""The words of the frame of the sheet, and those inside its formulas."""

import re

from retroprop.mathematics.prose import Words, choose

_IN_FORMULAS = {
    "if": "si",
    "or": "ou",
    "for all": "pour tous",
    "(without the padding)": "(sans la marge)",
    "(the channels of the image)": "(les canaux de l’image)",
}


def formula_in(source: str, language: str) -> str:
    """The formula with the words in it in the language.

    >>> formula_in('k = 27 "or" k = 28', "fr")
    'k = 27 "ou" k = 28'

    Raises:
        KeyError: If a word has no French.
    """
    french = re.sub(r'"([^"]*)"', lambda found: f'"{_IN_FORMULAS[found[1]]}"', source)
    return french if language == "fr" else source


LABELS = {
    "sheet": Words(
        "Theory sheet: answers that check themselves",
        "Feuille de théorie : des réponses qui se vérifient",
    ),
    "course": Words(
        "IFT3395, Fundamentals of machine learning · assignment 3, theoretical part",
        "IFT3395, Fondements de l’apprentissage machine · devoir 3, partie théorique",
    ),
    "introduction": Words(
        "Each answer is derived in steps. Beneath it stand what SymPy proved, for which "
        "dimensions, and the worst error of a comparison with an independent computation on "
        "random inputs. For every proof and comparison a false variant was also tried, and "
        "refuted.",
        "Chaque réponse est établie pas à pas. Au-dessous figurent ce que SymPy a prouvé, pour "
        "quelles dimensions, et la plus grande erreur d’une comparaison avec un calcul "
        "indépendant sur des entrées aléatoires. Pour chaque preuve et chaque comparaison, une "
        "variante fausse a aussi été essayée, et réfutée.",
    ),
    "contents": Words("Contents", "Sommaire"),
    "question": Words("Question", "Question"),
    "answer": Words("Answer", "Réponse"),
    "hypotheses": Words("Provided that", "Hypothèses :"),
    "proved": Words("Proved", "Prouvé"),
    "not_proved": Words("NOT PROVED", "NON PROUVÉ"),
    "checked": Words("Checked", "Vérifié"),
    "not_checked": Words("NOT EQUAL", "DIFFÉRENT"),
    "against": Words("against", "contre"),
    "worst_error": Words("worst error", "plus grande erreur"),
    "false_variant": Words("False, refuted", "Faux, réfuté"),
    "not_refused": Words("FALSE, NOT REFUTED", "FAUX, NON RÉFUTÉ"),
    "code": Words("In the code", "Dans le code"),
    "line": Words("line", "ligne"),
    "colon": Words(":", "\u00a0:"),
    "point": Words("{}\u00a0point", "{}\u00a0point"),
    "points": Words("{}\u00a0points", "{}\u00a0points"),
    "bonus": Words("bonus, {}", "bonus, {}"),
    "beyond": Words("beyond the sheet", "hors de l’énoncé"),
    "page": Words("page", "page"),
    "summary": Words("What was proved, and how", "Ce qui a été prouvé, et comment"),
    "scope": Words("Proved", "Prouvé"),
    "error": Words("Worst error", "Plus grande erreur"),
}

FIGURE = {
    "caption": Words(
        "The derivatives of both losses for y = 1. Where the network is sure and wrong, the "
        "squared error has almost none.",
        "Les dérivées des deux coûts pour y = 1. Là où le réseau se trompe avec assurance, celle "
        "de l’erreur quadratique est presque nulle.",
    ),
    "description": Words(
        "Two curves over the pre-activation from −10 to 10. The cross-entropy’s slope rises from "
        "−1 on the left to 0 on the right. The squared error’s is near 0 on both sides, with its "
        "lowest value, −0.30, near −0.7.",
        "Deux courbes selon la pré-activation de −10 à 10. La pente de l’entropie croisée monte "
        "de −1 à gauche jusqu’à 0 à droite. Celle de l’erreur quadratique est proche de 0 des deux "
        "côtés, avec un minimum de −0,30 vers −0,7.",
    ),
    "squared": Words("squared error", "erreur quadratique"),
    "cross_entropy": Words("cross-entropy", "entropie croisée"),
    "x": Words("pre-activation oᵃ", "pré-activation oᵃ"),
    "y": Words("∂L/∂oᵃ for y = 1", "∂L/∂oᵃ pour y = 1"),
    "wrong": Words("wrong answer", "réponse fausse"),
    "right": Words("right answer", "réponse juste"),
}


def label(name: str, language: str) -> str:
    """A word of the frame of the sheet."""
    return choose(LABELS[name], language)


def error_text(error: float, language: str) -> str:
    """0, 2.2e-16 or 2,2e-16.

    >>> error_text(0.0, "en"), error_text(2.22e-16, "fr")
    ('0', '2,2e-16')
    """
    text = "0" if error == 0 else f"{error:.1e}"
    return text.replace(".", ",") if language == "fr" else text
