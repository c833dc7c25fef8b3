"""Test data: a made-up lab document that holds every block, in English and in French.

No number in it was measured.
"""

from retroprop.figures.style import dress, new_figure
from retroprop.report.document import (
    Cell,
    Code,
    Document,
    Equation,
    Notice,
    Paragraph,
    Prose,
    Row,
    Section,
    Table,
)
from retroprop.report.pictures import picture

LABELS = {
    "en": {
        "skip": "Skip to the answers",
        "contents": "Contents",
        "description": "Description of the figure",
        "asked": "Question",
        "csv": "CSV",
    },
    "fr": {
        "skip": "Aller aux réponses",
        "contents": "Sommaire",
        "description": "Description de la figure",
        "asked": "Question",
        "csv": "CSV",
    },
}
HOSTILE = [
    "<script>alert(1)</script>",
    "#let x = 1; #panic() $5",
    r"C:\new\table \frac{1}{2} \ ",
    "a_b_c **bold** `code` [link](https://example.org) | pipe | ![](x)",
    "1. not a list",
    "# not a heading",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2,
]
IN_PROSE = [text for text in HOSTILE if not set("$*") & set(text)]  # those are its notation
LONG_LINE = "x = some_function(argument_one=1, argument_two=2, argument_three=3)  # " + "y" * 60


def curve(name, half=True):
    """A picture with a clip path, which is what has ids of its own."""
    figure = new_figure()
    axes = figure.subplots()
    dress(axes, x_label="epoch", y_label="accuracy")
    axes.plot([0, 1, 2], [0.1, 0.6, 0.8], color="#0067a5")
    axes.plot([0, 1, 2], [0.2, 0.4, 0.5], color="#b34700")
    return picture(name, f"Curves of {name}", "Two lines that rise.", figure, half=half)


def lab_document(language="en", *, hostile=False, rows=3):
    """Two parts with questions; `hostile` puts characters that act as markup into every text."""
    say = {"en": 0, "fr": 1}[language]
    nasty = " ".join(HOSTILE) if hostile else ""
    quiet = " ".join(IN_PROSE) if hostile else ""
    comma = "," if language == "fr" else "."

    def number(value):
        return f"{value:.2f}".replace(".", comma)

    table = Table(
        name="rates",
        caption=("Validation accuracy (%)", "Exactitude de validation (%)")[say] + nasty,
        corner=("learning rate", "taux d’apprentissage")[say] + (" | a" if hostile else ""),
        columns=["SGD", "Adam | W" if hostile else "AdamW"],
        rows=[
            Row(
                header=f"0{comma}{place:03}",
                cells=[
                    Cell(text=number(80.123 + place), value=80.123 + place),
                    Cell(
                        text=number(85.5 - place),
                        mark="best" if place == 0 else "",
                        spoken=("best", "meilleure")[say] if place == 0 else "",
                    ),
                ],
            )
            for place in range(rows)
        ],
        notes=[("Mean of 3 seeds.", "Moyenne de 3 graines.")[say]],
    )
    words = Table(
        name="settings",
        caption=("Setting", "Réglage")[say],
        corner=("what", "quoi")[say],
        columns=[("value", "valeur")[say]],
        rows=[Row(header="SHA-256", cells=[Cell(text="0123456789abcdef" * 4)])]
        + ([Row(header=text, cells=[Cell(text=text)]) for text in HOSTILE] if hostile else []),
        numeric=False,
    )
    model = [
        Prose(
            title=("The model", "Le modèle")[say],
            text=(
                "Of an image $bx$, the scores are $bo^a = bW^((2)) bh^s + bb^((2))$, *never* a "
                "probability by themselves.\n\nTheir softmax is.",
                "Pour une image $bx$, les scores sont $bo^a = bW^((2)) bh^s + bb^((2))$, *jamais* "
                "des probabilités.\n\nLeur softmax en donne.",
            )[say],
        ),
        Equation(
            source="bo_k^s &= frac(exp(bo_k^a), sum_(c = 1)^m exp(bo_c^a)) \\ "
            "frac(partial L, partial bo^a) &= bo^s - onehot(y)"
        ),
        Paragraph(
            text=("This is how it is run.", "Voici comment la lancer.")[say] + nasty,
            title=("Command", "Commande")[say],
            command="retroprop run inf8225-logistic --size laptop",
        ),
        curve("first"),
        curve("second"),
        Prose(text=("Between pictures.", "Entre des figures.")[say]),
        curve("wide", half=False),
        table,
        Notice(
            title=("Not finished", "Inachevé")[say] + (" <b>" if hostile else ""),
            text=("Two models are missing.", "Deux modèles manquent.")[say] + nasty,
            command="retroprop run x",
        ),
    ]
    code = [
        Code(
            title=("The backward pass", "La passe arrière")[say],
            text="for layer in reversed(layers):\n    dX = layer.backward(dX)\n" + LONG_LINE,
        ),
        Code(language="console", text="$ retroprop run inf8225-mlp\n<done> & saved"),
        words,
    ]
    return Document(
        language=language,
        title=("A made-up lab", "Un devoir inventé")[say] + (" " + HOSTILE[0] if hostile else ""),
        subtitle=("Course 101 · assignment 1", "Cours 101 · devoir 1")[say],
        summary=[("It holds every block.", "Il contient chaque bloc.")[say] + nasty],
        notices=[],
        sections=[
            Section(
                name="part-1",
                heading=("1. Networks", "1. Réseaux")[say],
                blocks=[Prose(text=("All of part 1.", "Toute la partie 1.")[say])],
                points="10 points",
            ),
            Section(
                name="q1a",
                heading=("1 (a) Scores and their softmax", "1 (a) Les scores et leur softmax")[say],
                level=2,
                points="2 points",
                asked=(
                    "Write $bo^s$ as a function of $bo^a$, and *its* gradient.",
                    "Écrivez $bo^s$ en fonction de $bo^a$, et *son* gradient.",
                )[say],
                blocks=model,
                code='print("the answer", SIZE)',
            ),
            Section(
                name="q1b",
                heading=("1 (b) Code", "1 (b) Code")[say] + (" " + HOSTILE[3] if hostile else ""),
                level=2,
                points="1 point",
                asked=("Write the loop. ", "Écrivez la boucle. ")[say] + quiet,
                blocks=code,
            ),
            Section(
                name="part-2",
                heading=("2. Words", "2. Des mots")[say],
                blocks=[Prose(text=("Only words. ", "Seulement des mots. ")[say] + quiet)],
            ),
            Section(
                name="q2a",
                heading=("2 (a) Why?", "2 (a) Pourquoi ?")[say],
                level=2,
                asked=("Why is $sigma(0) = frac(1, 2)$?", "Pourquoi $sigma(0) = frac(1, 2)$ ?")[
                    say
                ],
                blocks=[Prose(text=("Because.", "Parce que.")[say])],
            ),
        ],
        footer=("Made by a test.", "Fait par un test.")[say],
        labels=LABELS[language],
        long=True,
        setup='SIZE = "laptop"\nimport retroprop',
    )
