"""French for the figures of influence and of time, part of translations.FRENCH."""

FIGURES = {
    "The influence of each setting": "L’influence de chaque réglage",
    (
        "Each picture changes one setting and keeps the others at those of the best "
        "cell. Points are means over the seeds of the best validation accuracy, bars "
        "reach from the lowest to the highest seed. A value whose cell diverged has a "
        "cross instead."
    ): (
        "Chaque figure change un réglage et garde les autres à ceux de la meilleure "
        "cellule. Les points sont des moyennes, sur les graines, de la meilleure "
        "exactitude en validation, les barres vont de la graine la plus basse à la plus "
        "haute. Une valeur dont la cellule a divergé a une croix à la place."
    ),
    (
        "Each picture changes one setting and keeps the others at those of the best "
        "cell. Lines are means over the seeds, bands reach from the lowest to the "
        "highest seed. A value whose cell diverged has no line."
    ): (
        "Chaque figure change un réglage et garde les autres à ceux de la meilleure "
        "cellule. Les lignes sont des moyennes sur les graines, les bandes vont de la "
        "graine la plus basse à la plus haute. Une valeur dont la cellule a divergé n’a "
        "pas de ligne."
    ),
    "Curves for each value of a setting": "Courbes pour chaque valeur d’un réglage",
    "best validation accuracy (%)": "meilleure exactitude en validation (%)",
    "step": "pas",
    # the moving pictures of convolutions
    (
        "A window moves over the input, row by row; each of its places fills one value of the "
        "output."
    ): (
        "Une fenêtre se déplace sur l’entrée, ligne par ligne\u00a0; chacune de ses positions "
        "remplit une valeur de la sortie."
    ),
    "input {size}": "entrée {size}",
    "input {size}, spread out by zeros": "entrée {size}, écartée par des zéros",
    "input {size}, windows may end outside": (
        "entrée {size}, des fenêtres peuvent finir au-dehors"
    ),
    "input {size}, with padding": "entrée {size}, avec remplissage",
    "output {size}": "sortie {size}",
    "largest value: {value}": "plus grande valeur\u00a0: {value}",
    "{some} of {all} windows are shown": "{some} fenêtres sur {all} sont montrées",
    "not finished": "pas terminé",
    "× diverged": "× divergence",
    "{mean} (from {low} to {high})": "{mean} (de {low} à {high})",
    "{name}: best validation accuracy": "{name}\u00a0: meilleure exactitude en validation",
    "{name}: best validation accuracy, each value at its own best settings": (
        "{name}\u00a0: meilleure exactitude en validation, chaque valeur avec ses propres "
        "meilleurs réglages"
    ),
    "{name}: best validation accuracy, with {settings}": (
        "{name}\u00a0: meilleure exactitude en validation, avec {settings}"
    ),
    "{name}: curves by value": "{name}\u00a0: courbes selon la valeur",
    "{name}: curves of each value at its own best settings ({settings})": (
        "{name}\u00a0: courbes de chaque valeur avec ses propres meilleurs réglages ({settings})"
    ),
    "{name}: curves with {settings}": "{name}\u00a0: courbes avec {settings}",
    "{n} of {all} values are drawn.": "{n} valeurs sur {all} sont tracées.",
    "Solid is validation, dashed is train.": (
        "Trait plein pour la validation, tirets pour l’entraînement."
    ),
    "Validation only.": "Validation seulement.",
    "Losses of different kinds are not compared.": (
        "Des pertes de natures différentes ne se comparent pas."
    ),
    "Without a line: {notes}.": "Sans ligne\u00a0: {notes}.",
    "Time by hand and by automatic differentiation": (
        "Temps à la main et par dérivation automatique"
    ),
    (
        "Seconds are means over the seeds of one epoch of training, without evaluation. "
        "Models trained as one program share its seconds evenly, whatever the "
        "derivation."
    ): (
        "Les secondes sont des moyennes sur les graines d’une époque d’entraînement, "
        "sans l’évaluation. Les modèles entraînés comme un seul programme s’en "
        "partagent les secondes à parts égales, quelle que soit la dérivation."
    ),
    "Training seconds per epoch, by hand and by autograd": (
        "Secondes d’entraînement par époque, à la main et par autograd"
    ),
    (
        "Training time by autograd divided by the time by hand; above the dashed line, "
        "the derivation by hand is faster"
    ): (
        "Temps d’entraînement par autograd divisé par le temps à la main\u00a0; au-dessus de "
        "la ligne tiretée, la dérivation à la main est plus rapide"
    ),
    "training seconds per epoch": "secondes d’entraînement par époque",
    "training time, autograd ÷ by hand": "temps d’entraînement, autograd ÷ à la main",
}
