"""French for the pictures of convolutions, part of translations.FRENCH."""

CONVOLUTION = {
    (
        "A window moves over the input, row by row; each of its places fills one value of the "
        "output."
    ): (
        "Une fenêtre parcourt l’entrée ligne par ligne\u00a0; chacune de ses positions donne une "
        "valeur de la sortie."
    ),
    "input {size}": "entrée {size}",
    "input {size}, spread out by zeros": "entrée {size}, écartée par des zéros",
    "input {size}, windows may end outside": "entrée {size}, des fenêtres dépassent du bord",
    "input {size}, with padding": "entrée {size}, avec sa marge",
    "output {size}": "sortie {size}",
    "largest value: {value}": "plus grande valeur\u00a0: {value}",
    "{some} of {all} windows are shown": "{some} fenêtres sur {all} sont montrées",
}
