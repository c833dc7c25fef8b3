"""Every text that a reader of a report sees, in English (the key) and in French (the value).

A text that is missing here is an error in every language, so that a test of the English report
finds a French one that was forgotten.
"""

from collections.abc import Callable

from retroprop.errors import UserError, did_you_mean
from retroprop.report.french_answers import ANSWERS
from retroprop.report.french_bayes import BAYES
from retroprop.report.french_figures import FIGURES
from retroprop.report.french_models import MODELS
from retroprop.report.french_networks import NETWORKS
from retroprop.report.french_settings import SETTINGS
from retroprop.report.french_trainer import TRAINER

Say = Callable[[str], str]
LANGUAGES = ("en", "fr")


def translator(language: str) -> Say:
    """A function from the English text to the text in `language`.

    >>> translator("fr")("batch size")
    'taille de lot'

    Raises:
        UserError: If we do not speak the language.
        KeyError: From the function, if the text is not in the dictionary.
    """
    if language not in LANGUAGES:
        raise UserError(
            f"no report in the language {language!r}: use en or fr. "
            f"{did_you_mean(language, LANGUAGES)}"
        )
    if language == "fr":
        return lambda text: FRENCH[text]
    return lambda text: FRENCH[text] and text


def say_later(text: str) -> str:
    """Mark a text that is translated where it is used; returns it unchanged."""
    return text


_COMMON = {
    # settings and values
    "optimizer": "optimiseur",
    "learning rate": "taux d’apprentissage",
    "batch size": "taille de lot",
    "seed": "graine",
    "{n} seed": "{n} graine",
    "{n} seeds": "{n} graines",
    "seed {seed}": "graine {seed}",
    "{n} point": "{n} point de pourcentage",
    "{n} points": "{n} points de pourcentage",
    "{first} and {last}": "{first} et {last}",
    "all": "toutes",
    "the model": "le modèle",
    "its only cell": "sa seule cellule",
    "the seeds": "les graines",
    # the frame of the page
    "Made by retroprop {version} from the records of {id}.": (
        "Produit par retroprop {version} à partir des enregistrements de {id}."
    ),
    "Skip to the results": "Aller aux résultats",
    "Contents": "Sommaire",
    "Description of the figure": "Description de la figure",
    # the summary
    (
        "No cell of the grid has all its seeds finished without diverging, so there is no best "
        "cell yet."
    ): (
        "Aucune cellule de la grille n’a encore toutes ses graines terminées sans "
        "divergence\u00a0: il "
        "n’y a donc pas encore de meilleure cellule."
    ),
    "In every cell of the grid at least one seed diverged, so there is no best cell.": (
        "Dans chaque cellule de la grille, au moins une graine a divergé\u00a0: il n’y a donc pas "
        "de "
        "meilleure cellule."
    ),
    "one seed, so no spread": "une seule graine, donc pas de dispersion",
    ", ": "\u00a0; ",  # a comma would look like a decimal one
    "; ": "\u00a0; ",
    "{name}: {cell}": "{name}\u00a0: {cell}",
    "mean ± sample standard deviation over {seeds}": (
        "moyenne ± écart-type d’échantillon sur {seeds}"
    ),
    (
        "So far, of {n} models planned on {data}, the best cell reaches a validation accuracy "
        "({spread}) of {items}."
    ): (
        "Pour l’instant, sur {n} modèles prévus sur {data}, la meilleure cellule atteint une "
        "exactitude en validation ({spread}) de {items}."
    ),
    (
        "Of {n} models trained on {data}, the best cell reaches a validation accuracy ({spread}) "
        "of {items}."
    ): (
        "Sur {n} modèles entraînés sur {data}, la meilleure cellule atteint une exactitude en "
        "validation ({spread}) de {items}."
    ),
    "The best cells are compared once the study is finished.": (
        "Les meilleures cellules seront comparées quand l’étude sera terminée."
    ),
    "{accuracy} on the test set": "{accuracy} sur l’ensemble de test",
    "not yet evaluated on the test set": "pas encore évaluée sur l’ensemble de test",
    "{accuracy} with {group} ({cell}; {test})": "{accuracy} avec {group} ({cell}\u00a0; {test})",
    "{accuracy} ({cell}; {test})": "{accuracy} ({cell}\u00a0; {test})",
    "On validation": "En validation",
    "On the test set": "Sur l’ensemble de test",
    (
        "{where}, {better} is {points} above {worse}, but one seed has no spread: "
        "which is better cannot be said."
    ): (
        "{where}, {better} dépasse {worse} de {points}, mais une seule graine n’a pas de "
        "dispersion\u00a0: "
        "on ne peut pas dire lequel est le meilleur."
    ),
    (
        "{where}, {better} is above {worse}: over {seeds}, the paired difference is {points} "
        "(95 % confidence interval of the paired t-test), which excludes 0."
    ): (
        "{where}, {better} dépasse {worse}\u00a0: sur {seeds}, la différence appariée est de "
        "{points} "
        "(intervalle de confiance à 95\u202f% du test t apparié), qui exclut 0."
    ),
    (
        "{where}, {better} and {worse} are not distinguishable with {seeds}: the paired "
        "difference is {points} (95 % confidence interval of the paired t-test), which "
        "includes 0."
    ): (
        "{where}, on ne peut pas départager {better} et {worse} avec {seeds}\u00a0: la différence "
        "appariée est de {points} (intervalle de confiance à 95\u202f% du test t apparié), qui "
        "contient 0."
    ),
    # notices
    "This study is not finished": "Cette étude n’est pas terminée",
    (
        "{done} of {n} models are finished; the numbers below are those so far. "
        "This command continues it where it stopped:"
    ): (
        "{done} modèles sur {n} sont terminés\u00a0; les nombres ci-dessous sont ceux obtenus "
        "jusqu’ici. "
        "Cette commande reprend l’étude où elle s’est arrêtée\u00a0:"
    ),
    # what was trained
    "What was trained": "Ce qui a été entraîné",
    (
        "Softmax regression. An image with a 1 appended is the row x̃, W holds one column "
        "for each class, and the model's probability of class k is"
    ): (
        "La régression softmax. Une image à laquelle on ajoute un 1 est la ligne x̃, W a une "
        "colonne "
        "par classe, et le modèle donne à la classe k la probabilité"
    ),
    (
        "p of y equals k given x tilde equals the softmax of x tilde W, component k: the "
        "exponential of x tilde W component k divided by the sum over j of the exponentials "
        "of x tilde W component j"
    ): (
        "p de y égale k sachant x tilde égale la composante k du softmax de x tilde W\u00a0: "
        "l’exponentielle de la composante k de x tilde W, divisée par la somme sur j des "
        "exponentielles des composantes j de x tilde W"
    ),
    "With the one-hot label y of each image b of the minibatch B,": (
        "Avec l’étiquette y, codée par un seul 1, de chaque image b du mini-lot B,"
    ),
    "G equals the sum over the images b in B of x tilde b transposed times p b minus y b": (
        "G égale la somme, sur les images b de B, de x tilde b transposé fois p b moins y b"
    ),
    (
        "G equals one over the size of B times the sum over the images b in B of x tilde "
        "b transposed times p b minus y b"
    ): (
        "G égale un sur la taille de B, fois la somme, sur les images b de B, de x tilde b "
        "transposé "
        "fois p b moins y b"
    ),
    "SGD, with learning rate η, updates": (
        "SGD, avec le taux d’apprentissage η, fait la mise à jour"
    ),
    "W becomes W minus eta G": "W devient W moins êta G",
    "Adam (Kingma and Ba, 2015), at step t, updates": (
        "Adam (Kingma et Ba, 2015), au pas t, fait les mises à jour"
    ),
    (
        "m becomes beta 1 m plus 1 minus beta 1 times G; v becomes beta 2 v plus 1 minus "
        "beta 2 times G squared; W becomes W minus eta times m over 1 minus beta 1 to the "
        "t, divided by the square root of v over 1 minus beta 2 to the t, plus epsilon"
    ): (
        "m devient bêta 1 m plus 1 moins bêta 1 fois G\u00a0; v devient bêta 2 v plus 1 moins bêta "
        "2 fois "
        "G au carré\u00a0; W devient W moins êta fois m sur 1 moins bêta 1 puissance t, divisé par "
        "la "
        "racine carrée de v sur 1 moins bêta 2 puissance t, plus epsilon"
    ),
    (
        "The gradient is summed over the minibatch, so a larger batch takes larger SGD steps at "
        "the same learning rate."
    ): (
        "Le gradient est sommé sur le mini-lot\u00a0: à taux d’apprentissage égal, un lot plus "
        "grand fait "
        "donc de plus grands pas de SGD."
    ),
    (
        "The gradient is averaged over the minibatch, so the batch size does not change the "
        "scale of an SGD step."
    ): (
        "Le gradient est moyenné sur le mini-lot\u00a0: la taille de lot ne change donc pas "
        "l’échelle "
        "d’un pas de SGD."
    ),
    "The gradient convention was not recorded.": (
        "La convention du gradient n’a pas été enregistrée."
    ),
    # the tables of the grid
    "Results of the grid": "Résultats de la grille",
    "Best validation accuracy (%)": "Meilleure exactitude en validation (%)",
    "Best epoch": "Meilleure époque",
    "Test accuracy (%)": "Exactitude en test (%)",
    "not in the grid": "hors de la grille",
    "diverged {k}/{n}": "divergence {k}/{n}",
    "unfinished, {k} of {n} seeds": "inachevée, {k} graines sur {n}",
    "not evaluated": "non évalué",
    "best": "meilleure",
    "One seed per cell.": "Une graine par cellule.",
    "Mean ± sample standard deviation over {seeds}.": (
        "Moyenne ± écart-type d’échantillon sur {seeds}."
    ),
    (
        "★ marks the best cell so far: the highest mean of the best validation accuracy among "
        "the cells whose seeds all finished."
    ): (
        "★ marque la meilleure cellule jusqu’ici\u00a0: la plus haute moyenne de la meilleure "
        "exactitude "
        "en validation, parmi les cellules dont toutes les graines sont terminées."
    ),
    (
        "★ marks the best cell: the highest mean of the best validation accuracy among the "
        "cells whose seeds all finished."
    ): (
        "★ marque la meilleure cellule\u00a0: la plus haute moyenne de la meilleure exactitude en "
        "validation, parmi les cellules dont toutes les graines sont terminées."
    ),
    (
        "“diverged k/n”: in k of n seeds the loss stopped being a finite number; such a cell "
        "has no mean and cannot be the best."
    ): (
        "«\u00a0divergence k/n\u00a0»\u00a0: pour k graines sur n, la perte a cessé d’être un "
        "nombre fini\u00a0; une telle cellule n’a pas de moyenne et ne peut pas être la meilleure."
    ),
    "“—”: not all seeds of the cell are finished yet.": (
        "«\u00a0—\u00a0»\u00a0: les graines de la cellule ne sont pas encore toutes terminées."
    ),
    "Each number leads to its models in the last table of this report.": (
        "Chaque nombre mène à ses modèles, dans le dernier tableau de ce rapport."
    ),
    # the curves
    "Curves of the best models": "Courbes des meilleurs modèles",
    "There are no curves yet, because there is no best cell yet.": (
        "Il n’y a pas encore de courbes, faute de meilleure cellule."
    ),
    "Accuracy of the best cell over the epochs": (
        "Exactitude de la meilleure cellule au fil des époques"
    ),
    "Loss of the best cell over the epochs": "Perte de la meilleure cellule au fil des époques",
    "accuracy (%)": "exactitude (%)",
    "loss (nats)": "perte (nats)",
    "epoch": "époque",
    "epoch 0: {value}": "époque 0\u00a0: {value}",
    "train": "entraînement",
    "validation": "validation",
    "{name}, {part}: from {first} at epoch {start} to {last} at epoch {end}.": (
        "{name}, {part}\u00a0: de {first} à l’époque {start} à {last} à l’époque {end}."
    ),
    # the test set
    "Accuracy on the test set": "Exactitude sur l’ensemble de test",
    "The test set has not been evaluated yet: it is used once, when the study ends.": (
        "L’ensemble de test n’a pas encore été évalué\u00a0: il sert une seule fois, à la fin de "
        "l’étude."
    ),
    "(selected earlier; no longer the best on validation)": (
        "(choisie plus tôt\u00a0; n’est plus la meilleure en validation)"
    ),
    "cell": "cellule",
    "mean ± deviation": "moyenne ± écart-type",
    (
        "Only the cells selected on validation are evaluated on the test set, once, with the "
        "weights of each seed's best epoch on validation."
    ): (
        "Seules les cellules choisies en validation sont évaluées sur l’ensemble de test, une "
        "seule "
        "fois, avec les poids de la meilleure époque de chaque graine en validation."
    ),
    # time
    "Time and throughput": "Temps et débit",
    "quantity": "grandeur",
    "value": "valeur",
    "what it means": "signification",
    "wall-clock time": "temps écoulé",
    "all sessions together, evaluation and waiting included": (
        "toutes les sessions ensemble, évaluations et attentes comprises"
    ),
    "workers": "processus de travail",
    "processes that trained at the same time": "processus qui ont entraîné en même temps",
    "model-epochs": "époques-modèles",
    "one model trained for one epoch, summed over the recorded models": (
        "un modèle entraîné pendant une époque, somme sur les modèles enregistrés"
    ),
    "training time per model-epoch": "temps d’entraînement par époque-modèle",
    "training time per model-epoch (s)": "temps d’entraînement par époque-modèle (s)",
    "mean; models trained as one program share its seconds evenly, evaluation not included": (
        "moyenne\u00a0; les modèles entraînés comme un seul programme s’en partagent les secondes "
        "à "
        "parts égales, évaluation non comprise"
    ),
    "evaluation time per model-epoch": "temps d’évaluation par époque-modèle",
    "mean; loss and accuracy on the whole train and validation sets": (
        "moyenne\u00a0; perte et exactitude sur les ensembles d’entraînement et de validation "
        "entiers"
    ),
    "images per second and worker": "images par seconde et par processus",
    "{images} train images × model-epochs, divided by the sum of the training times": (
        "{images} images d’entraînement × époques-modèles, divisé par la somme des temps "
        "d’entraînement"
    ),
    "images per second, whole study": "images par seconde, étude entière",
    "the same images, divided by the wall-clock time": (
        "les mêmes images, divisées par le temps écoulé"
    ),
    "Training time by batch size": "Temps d’entraînement selon la taille de lot",
    # the setting
    "The setting of every number": "L’origine de chaque nombre",
    "not recorded": "non enregistré",
    "item": "élément",
    "What the study cost": "Ce que l’étude a coûté",
    "What fixes the numbers": "Ce qui fixe les nombres",
    "study run": "exécution de l’étude",
    "database": "base de données",
    "command": "commande",
    "data set": "jeu de données",
    "data checksum": "somme de contrôle des données",
    "split": "partage",
    "{share} of the train set for validation, split seed {seed}": (
        "{share} de l’ensemble d’entraînement pour la validation, graine du partage {seed}"
    ),
    "model": "modèle",
    "gradient": "gradient",
    "epochs": "époques",
    "seeds": "graines",
    "study fingerprint": "empreinte de l’étude",
    "git revision": "révision git",
    "versions": "versions",
    "system": "système",
    "processor": "processeur",
    "cores": "cœurs",
    "memory (GB)": "mémoire (Go)",
    "threads per worker": "fils d’exécution par processus",
    "sessions": "sessions",
    "one session, not interrupted": "une session, sans interruption",
    "interrupted and resumed once": "interrompue et reprise une fois",
    "interrupted and resumed {n} times": "interrompue et reprise {n} fois",
    "Sessions that worked on this study run": "Sessions de travail sur cette exécution de l’étude",
    "session": "session",
    "started (UTC)": "début (UTC)",
    "lasted": "durée",
    # every model
    "Every model": "Tous les modèles",
    "All models; accuracies in %": "Tous les modèles\u00a0; exactitudes en %",
    ("One row for each model. This command shows the full record of a run, here of run {id}:"): (
        "Une ligne par modèle. Cette commande montre l’enregistrement complet d’un modèle, ici du "
        "numéro {id}\u00a0:"
    ),
    "run": "numéro",
    "status": "état",
    "best epoch": "meilleure époque",
    "test": "test",
    "none": "aucun",
    "planned": "prévu",
    "running": "en cours",
    "finished": "terminé",
    "diverged": "a divergé",
    "diverged at epoch {n}": "a divergé à l’époque {n}",
}

FRENCH = _COMMON | SETTINGS | MODELS | ANSWERS | FIGURES | NETWORKS | BAYES | TRAINER
