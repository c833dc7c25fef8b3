"""French for what the study shows, part of translations.FRENCH."""

ANSWERS = {
    "What the study shows": "Ce que montre l’étude",
    (
        "Each answer changes one setting and keeps the others at those of the best "
        "cell; differences are those of the best validation accuracy. The best cell was "
        "chosen on the same accuracies, so a test between it and another describes "
        "this study; it proves nothing beyond it."
    ): (
        "Chaque réponse change un réglage et garde les autres à ceux de la meilleure "
        "cellule\u00a0; les différences sont celles de la meilleure exactitude en "
        "validation. La meilleure cellule a été choisie sur ces mêmes exactitudes\u00a0: un "
        "test entre elle et une autre décrit donc cette étude et ne prouve rien "
        "au-delà."
    ),
    "Each value at its own best settings: {sentence}": (
        "Chaque valeur avec ses propres meilleurs réglages\u00a0: {sentence}"
    ),
    "With {settings}: {sentence}": "Avec {settings}\u00a0: {sentence}",
    "only {best} has a mean, {accuracy}.": "seule la valeur {best} a une moyenne, {accuracy}.",
    (
        "the best value is {best}, with {accuracy}: {near} above the next, {next}, and "
        "{far} above the worst, {worst}."
    ): (
        "la meilleure valeur est {best}, avec {accuracy}\u00a0: {near} de plus que la "
        "suivante, {next}, et {far} de plus que la pire, {worst}."
    ),
    "the better value is {best}, with {accuracy}: {near} above {next}.": (
        "la meilleure valeur est {best}, avec {accuracy}\u00a0: {near} de plus que {next}."
    ),
    "{values} reach the same mean accuracy, {accuracy}, {far} above the worst, {worst}.": (
        "{values} atteignent la même exactitude moyenne, {accuracy}, {far} de plus que "
        "la pire, {worst}."
    ),
    "{values} reach the same mean accuracy, {accuracy}.": (
        "{values} atteignent la même exactitude moyenne, {accuracy}."
    ),
    "One seed: no spread, so the differences may be chance.": (
        "Une seule graine\u00a0: pas de dispersion, donc les différences peuvent être dues "
        "au hasard."
    ),
    (
        "The paired t-test over {seeds} tells {best} from {next} (95 % confidence "
        "interval: {interval})."
    ): (
        "Le test t apparié sur {seeds} départage {best} et {next} (intervalle de "
        "confiance à 95\u202f%\u00a0: {interval})."
    ),
    (
        "The paired t-test over {seeds} does not tell {best} from {next} (95 % "
        "confidence interval: {interval})."
    ): (
        "Le test t apparié sur {seeds} ne départage pas {best} et {next} (intervalle de "
        "confiance à 95\u202f%\u00a0: {interval})."
    ),
    (
        "The paired t-test over {seeds} does not tell {best} from {next} (95 % "
        "confidence interval: {interval}), but tells it from {worst}."
    ): (
        "Le test t apparié sur {seeds} ne départage pas {best} et {next} (intervalle de "
        "confiance à 95\u202f%\u00a0: {interval}), mais il départage {best} et {worst}."
    ),
    (
        "The paired t-test over {seeds} tells {best} neither from {next} (95 % "
        "confidence interval: {interval}) nor from {worst}."
    ): (
        "Le test t apparié sur {seeds} ne départage {best} ni de {next} (intervalle de "
        "confiance à 95\u202f%\u00a0: {interval}) ni de {worst}."
    ),
    "The best value is the largest that has a mean": (
        "La meilleure valeur est la plus grande qui ait une moyenne"
    ),
    "The best value is the smallest that has a mean": (
        "La meilleure valeur est la plus petite qui ait une moyenne"
    ),
    "The mean accuracy falls with every larger value": (
        "L’exactitude moyenne baisse avec chaque valeur plus grande"
    ),
    "The mean accuracy rises with every larger value": (
        "L’exactitude moyenne monte avec chaque valeur plus grande"
    ),
    "Values on both sides of the best do worse.": (
        "De part et d’autre de la meilleure valeur, les autres font moins bien."
    ),
    "nothing larger was tried": "rien de plus grand n’a été essayé",
    "nothing smaller was tried": "rien de plus petit n’a été essayé",
    "{sentence}; {open_end}": "{sentence}\u00a0; {open_end}",
    "Diverged, so without a mean: {values}.": (
        "Sans moyenne, à cause d’une divergence\u00a0: {values}."
    ),
    "{name} ({k} of {n} seeds)": "{name} ({k} graines sur {n})",
    "The answers are written once the study is finished.": (
        "Les réponses seront écrites quand l’étude sera terminée."
    ),
    "Epochs and overfitting": "Époques et surapprentissage",
    "Epochs and overfitting, {group}": "Époques et surapprentissage, {group}",
    " ({n} steps)": " ({n} pas)",
    (
        "The best cell reaches {first} on validation after epoch {start}{steps}, its "
        "highest, {best}, after epoch {top}, and {last} after the last, epoch {end}."
    ): (
        "La meilleure cellule atteint {first} en validation après l’époque "
        "{start}{steps}, son maximum, {best}, après l’époque {top}, et {last} après la "
        "dernière, l’époque {end}."
    ),
    (
        "The best cell reaches {first} on validation after epoch {start}{steps}; its "
        "highest, {last}, comes at the last epoch, {end}."
    ): (
        "La meilleure cellule atteint {first} en validation après l’époque "
        "{start}{steps}\u00a0; son maximum, {last}, vient à la dernière époque, {end}."
    ),
    "At the last epoch its train accuracy is not above that on validation.": (
        "À la dernière époque, son exactitude à l’entraînement ne dépasse pas celle en validation."
    ),
    (
        "At the last epoch its train accuracy is not distinguishably above that on "
        "validation, so there is no sign of overfitting."
    ): (
        "À la dernière époque, son exactitude à l’entraînement ne dépasse pas "
        "distinctement celle en validation\u00a0: aucun signe de surapprentissage."
    ),
    (
        "At the last epoch its train accuracy is only {points} above that on validation "
        "(95 % confidence interval over {seeds})."
    ): (
        "À la dernière époque, son exactitude à l’entraînement ne dépasse celle en "
        "validation que de {points} (intervalle de confiance à 95\u202f% sur {seeds})."
    ),
    (
        "At the last epoch its train accuracy is {points} above that on validation (95 "
        "% confidence interval over {seeds}): a sign of overfitting."
    ): (
        "À la dernière époque, son exactitude à l’entraînement dépasse celle en "
        "validation de {points} (intervalle de confiance à 95\u202f% sur {seeds})\u00a0: un signe "
        "de surapprentissage."
    ),
    (
        "At the last epoch its train accuracy is {points} above that on validation, "
        "with one seed and so without a spread."
    ): (
        "À la dernière époque, son exactitude à l’entraînement dépasse celle en "
        "validation de {points}, avec une seule graine et donc sans dispersion."
    ),
    "Its validation loss is lowest after epoch {epoch}, {low}, and {last} at the last.": (
        "Sa perte en validation est la plus basse après l’époque {epoch}, {low}, et "
        "vaut {last} à la dernière."
    ),
    "Training time": "Temps d’entraînement",
    (
        "Autograd trains faster in all {n} pairs of cells: it takes {median} times the "
        "time of the derivation by hand (median; from {low} to {high})."
    ): (
        "Autograd entraîne plus vite dans les {n} paires de cellules\u00a0: il prend "
        "{median} fois le temps de la dérivation à la main (médiane\u00a0; de {low} à "
        "{high})."
    ),
    (
        "Autograd trains faster in {k} of {n} pairs of cells: it takes {median} times "
        "the time of the derivation by hand (median; from {low} to {high})."
    ): (
        "Autograd entraîne plus vite dans {k} paires de cellules sur {n}\u00a0: il prend "
        "{median} fois le temps de la dérivation à la main (médiane\u00a0; de {low} à "
        "{high})."
    ),
    "Autograd trains faster: it takes {median} times the time of the derivation by hand.": (
        "Autograd entraîne plus vite\u00a0: il prend {median} fois le temps de la dérivation "
        "à la main."
    ),
    "Both derivations take the same time.": "Les deux dérivations prennent le même temps.",
    (
        "The derivation by hand trains faster in all {n} pairs of cells: autograd takes "
        "{median} times its time (median; from {low} to {high})."
    ): (
        "La dérivation à la main entraîne plus vite dans les {n} paires de cellules\u00a0: "
        "autograd prend {median} fois son temps (médiane\u00a0; de {low} à {high})."
    ),
    (
        "The derivation by hand trains faster in {k} of {n} pairs of cells: autograd "
        "takes {median} times its time (median; from {low} to {high})."
    ): (
        "La dérivation à la main entraîne plus vite dans {k} paires de cellules sur "
        "{n}\u00a0: autograd prend {median} fois son temps (médiane\u00a0; de {low} à {high})."
    ),
    "The derivation by hand trains faster: autograd takes {median} times its time.": (
        "La dérivation à la main entraîne plus vite\u00a0: autograd prend {median} fois son temps."
    ),
    (
        "Between models of the same cell and seed, the best validation accuracies "
        "differ by {points} at most."
    ): (
        "Entre modèles de même cellule et de même graine, les meilleures exactitudes en "
        "validation diffèrent d’au plus {points}."
    ),
}
