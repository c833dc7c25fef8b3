"""French for the figures of trained networks, part of translations.FRENCH."""

NETWORKS = {
    # kernels and filters
    "kernels, first input channel": "noyaux, premier canal d’entrée",
    "kernels, mean over the input channels": "noyaux, moyenne des canaux d’entrée",
    "weight ÷ largest absolute weight": "poids ÷ plus grand poids absolu",
    (
        "{n} kernels of {height} × {width} weights; averaged over the input channels, {one_sign} "
        "of them have almost only weights of one sign, the others compare neighbouring pixels."
    ): (
        "{n} noyaux de {height} × {width} poids\u00a0; en moyenne sur les canaux d’entrée, "
        "{one_sign} d’entre eux n’ont presque que des poids d’un seul signe, les autres comparent "
        "des pixels voisins."
    ),
    "token-mixing filters, {height} × {width} patches": (
        "filtres de mélange de tokens, {height} × {width} patches"
    ),
    "weight ÷ largest absolute weight of the filter": "poids ÷ plus grand poids absolu du filtre",
    (
        "{n} filters of {height} × {width} weights, in pairs of opposing phase: the median "
        "correlation of a pair is {correlation}."
    ): (
        "{n} filtres de {height} × {width} poids, par paires de phases opposées\u00a0: la "
        "corrélation médiane d’une paire est de {correlation}."
    ),
    "the picture": "l’image",
    "the filters": "les filtres",
    "the picture, filtered by each": "l’image filtrée par chacun",
    "answer ÷ largest absolute answer": "réponse ÷ plus grande réponse absolue",
    # confusion
    "predicted class": "classe prédite",
    "true class": "vraie classe",
    "large: % of the row; small: examples": (
        "en grand\u00a0: % de la ligne\u00a0; en petit\u00a0: exemples"
    ),
    "Right, by class: {items}.": "Bien classés, par classe\u00a0: {items}.",
    "{name} taken for {other}, {share} of its examples": (
        "{name} prise pour {other}, {share} de ses exemples"
    ),
    "Most frequent mistakes: {items}.": "Erreurs les plus fréquentes\u00a0: {items}.",
    # cost of patches
    "parameters": "paramètres",
    # several architectures
    "solid: validation; dashed: train": (
        "trait plein\u00a0: validation\u00a0; tirets\u00a0: entraînement"
    ),
    "norm of the gradient": "norme du gradient",
    "{name}: from {first} at epoch {start} to {last} at epoch {end}.": (
        "{name}\u00a0: de {first} à l’époque {start} à {last} à l’époque {end}."
    ),
    # learning-rate range test
    "points: each step; line: running mean": (
        "points\u00a0: chaque pas\u00a0; trait\u00a0: moyenne glissante"
    ),
    "suggested: {value}": "suggéré\u00a0: {value}",
    ("The smoothed loss is {first} at the learning rate {start}, and lowest, {last}, at {end}."): (
        "La perte lissée est de {first} au taux d’apprentissage {start}, et la plus basse, {last}, "
        "à {end}."
    ),
    "It falls fastest at {value}.": "Elle baisse le plus vite à {value}.",
}
