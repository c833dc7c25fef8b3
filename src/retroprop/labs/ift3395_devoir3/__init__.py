"""IFT3395, devoir 3 (Université de Montréal): automatic differentiation, and a Trainer for
Fashion-MNIST.

`solution` has the names of the assignment's template.
"""  # noqa: D205 - one sentence, too long for a line
