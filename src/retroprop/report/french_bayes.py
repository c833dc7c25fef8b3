"""French for the report of the Bayesian network, part of translations.FRENCH."""

BAYES = {
    "prepares for the exam and does the homework": (
        "se prépare à l’examen et fait correctement les devoirs"
    ),
    "has difficulties before the exam": "a des difficultés avant l’examen",
    "succeeds in the technical interview": "réussit l’entretien technique",
    "grade in the course": "note dans le cours",
    "is on the honour list": "figure sur la liste d’honneur",
    "A Bayesian network: observing and intervening": (
        "Un réseau bayésien\u00a0: observer et intervenir"
    ),
    "INF8225, TP1, part 1": "INF8225, TP1, partie 1",
    "The sixteen answers": "Les seize réponses",
    "Observing against intervening": "Observer ou intervenir",
    "What one observation tells of another": "Ce qu’une observation apprend d’une autre",
    "The network": "Le réseau",
    "Made by retroprop {version} from the tables of the document.": (
        "Produit par retroprop {version} à partir des tables de l’énoncé."
    ),
    "{what} rises from {before} to {after}": "{what} monte de {before} à {after}",
    "{what} falls from {before} to {after}": "{what} baisse de {before} à {after}",
    "{what} stays at {before}": "{what} reste à {before}",
    "{n} of the {all} answers equal every digit that the document prints.": (
        "Sur {all} réponses, {n} sont égales à celles de l’énoncé, à chaque chiffre imprimé."
    ),
    (
        "Who sees the top grade thinks better of the interview: {seen}. Who gives the top "
        "grade learns nothing of it: {done}. Observing reads the arrows in both directions, "
        "intervening only in theirs."
    ): (
        "Qui voit la meilleure note juge mieux l’entretien\u00a0: {seen}. Qui donne la "
        "meilleure note n’en apprend rien\u00a0: {done}. Observer lit les flèches dans les "
        "deux sens, intervenir seulement dans le leur."
    ),
    "✓ every digit": "✓ chaque chiffre",
    "✗ not equal": "✗ pas égale",
    "Our answers and those that the document prints": (
        "Nos réponses et celles que l’énoncé imprime"
    ),
    "Question": "Question",
    "Our answer": "Notre réponse",
    "The document": "L’énoncé",
    "Comparison": "Comparaison",
    (
        "Numbers are written as the document's cells print them: the states of the variable "
        "in their order, five decimals at most; p) is a single number."
    ): (
        "Les nombres sont écrits comme les cellules de l’énoncé les impriment\u00a0: les "
        "états de la variable dans leur ordre, cinq décimales au plus\u00a0; p) est un seul "
        "nombre."
    ),
    "The question": "La question",
    (
        "To observe G=g2 is to find a student who has the top grade. To set G=g2, do(G=g2), "
        "is to write the top grade into the file of any student, whatever she did. In the "
        "model the second removes the table of G, so that G no longer depends on S and D, "
        "and fixes it: the arrows to G are cut."
    ): (
        "Observer G=g2, c’est trouver une étudiante qui a la meilleure note. Fixer G=g2, "
        "do(G=g2), c’est inscrire la meilleure note au dossier de n’importe qui, quoi "
        "qu’elle ait fait. Dans le modèle, la seconde action retire la table de G, qui ne "
        "dépend alors plus de S ni de D, et fixe sa valeur\u00a0: les flèches vers G sont "
        "coupées."
    ),
    "l, m, n: the interview and the grade": "l, m, n\u00a0: l’entretien et la note",
    (
        "R and G have a common cause, preparation S. Where a top grade is observed, "
        "{seen_s}, and so {seen_r}. Where it is given away, {done_s} and {done_r}: it says "
        "nothing about the student, and the grade is no cause of the interview."
    ): (
        "R et G ont une cause commune, la préparation S. Si l’on observe la meilleure note, "
        "{seen_s}, et donc {seen_r}. Si on l’attribue d’office, {done_s} et {done_r}\u00a0: "
        "elle ne dit rien de l’étudiante, et la note n’est pas une cause de l’entretien."
    ),
    "a, o, p: the grade and the honour list": "a, o, p\u00a0: la note et la liste d’honneur",
    (
        "L is an effect of G. Where a student is found on the honour list, {seen}, because "
        "the list is mostly made of top grades. Where she is put on it, {done}: an honour "
        "does not change what was written in the exam."
    ): (
        "L est un effet de G. Si l’on trouve une étudiante sur la liste d’honneur, {seen}, "
        "car la liste est surtout faite de meilleures notes. Si on l’y inscrit, "
        "{done}\u00a0: un honneur ne change pas ce qui a été écrit à l’examen."
    ),
    "Where both are the same": "Quand les deux se valent",
    (
        "Downwards, from cause to effect, and without a common cause, observing and setting "
        "agree: L=l1 has {seen} where the top grade is observed and {done} where it is "
        "given. An intervention keeps its effects; it loses only what observing tells of the "
        "causes."
    ): (
        "Vers l’aval, de la cause à l’effet et sans cause commune, observer et fixer "
        "concordent\u00a0: L=l1 a la probabilité {seen} si la meilleure note est observée, "
        "et {done} si elle est donnée. Une intervention garde ses effets\u00a0; elle ne perd "
        "que ce qu’une observation apprend des causes."
    ),
    "{effect}, by {cause}": "{effect}, par {cause}",
    "Before, where it is observed, where it is set; in %": (
        "Avant, si l’on observe, si l’on fixe\u00a0; en\u00a0%"
    ),
    "Probability of": "Probabilité de",
    "before": "avant",
    "observed": "observé",
    "set": "fixé",
    "The top grade is observed: all variables learn from it.": (
        "La meilleure note est observée\u00a0: toutes les variables en apprennent quelque chose."
    ),
    "The top grade is set: the arrows to it are cut, its causes learn nothing.": (
        "La meilleure note est fixée\u00a0: ses flèches entrantes sont coupées, ses causes "
        "n’apprennent rien."
    ),
    "The network before anything is observed or set.": (
        "Le réseau avant toute observation ou intervention."
    ),
    "b, c: two effects of one cause": "b, c\u00a0: deux effets d’une cause",
    (
        "After a good interview {good}; after a bad one {bad}. Grade and interview are both "
        "effects of preparation, and each tells of it."
    ): (
        "Après un bon entretien, {good}\u00a0; après un mauvais, {bad}. La note et "
        "l’entretien sont deux effets de la préparation, et chacun en témoigne."
    ),
    "d, e: the cause is known": "d, e\u00a0: la cause est connue",
    (
        "Where it is known that the student did not prepare, the interview has nothing left "
        "to tell: G=g2 has {good} after a good interview and {bad} after a bad one. "
        "{separated}"
    ): (
        "Si l’on sait que l’étudiante ne s’est pas préparée, l’entretien n’apprend plus "
        "rien\u00a0: G=g2 a la probabilité {good} après un bon entretien et {bad} après un "
        "mauvais. {separated}"
    ),
    "f, g: two causes of one effect": "f, g\u00a0: deux causes d’un effet",
    (
        "Difficulties before the exam alone tell nothing of the interview: with them {d1}, "
        "without them {d0}. {separated}"
    ): (
        "Les difficultés avant l’examen, à elles seules, ne disent rien de "
        "l’entretien\u00a0: avec elles, {d1}\u00a0; sans elles, {d0}. {separated}"
    ),
    "h, i: the effect is known": "h, i\u00a0: l’effet est connu",
    (
        "Once the top grade is known, the causes compete to explain it: R=r1 has {d1} where "
        "the student had difficulties, and {d0} where she had none. Who reached the top "
        "grade in spite of difficulties was probably well prepared. {separated}"
    ): (
        "Dès que la meilleure note est connue, les causes rivalisent pour l’expliquer\u00a0: "
        "R=r1 a la probabilité {d1} si l’étudiante avait des difficultés, et {d0} si elle "
        "n’en avait pas. Qui a obtenu la meilleure note malgré des difficultés était sans "
        "doute bien préparée. {separated}"
    ),
    "j, k: an effect of the effect is known": "j, k\u00a0: un effet de l’effet est connu",
    (
        "The honour list tells of the grade, so it does the same, less sharply: {d1} with "
        "difficulties and {d0} without. {separated}"
    ): (
        "La liste d’honneur témoigne de la note et agit de même, moins nettement\u00a0: {d1} "
        "avec des difficultés et {d0} sans. {separated}"
    ),
    "The graph says so: {x} and {y} are d-separated.": (
        "Le graphe le dit\u00a0: {x} et {y} sont d-séparées."
    ),
    "The graph says so: {x} and {y} are d-separated given {given}.": (
        "Le graphe le dit\u00a0: {x} et {y} sont d-séparées sachant {given}."
    ),
    "The path {path} is open given {given}.": "Le chemin {path} est ouvert sachant {given}.",
    (
        "The joint probability is the product of the five tables of the document. No joint "
        "table is formed: variables are eliminated one after the other. This command asks "
        "any other question:"
    ): (
        "La probabilité jointe est le produit des cinq tables de l’énoncé. Aucune table "
        "jointe n’est formée\u00a0: les variables sont éliminées l’une après l’autre. Cette "
        "commande pose n’importe quelle autre question\u00a0:"
    ),
    "The variables": "Les variables",
    "Variable": "Variable",
    "meaning": "sens",
    "states": "états",
    "table": "table",
}
