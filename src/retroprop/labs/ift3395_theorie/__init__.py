"""IFT3395, devoir 3, partie théorique (Université de Montréal): the theory sheet.

`SHEET` holds the questions, `find_question("2i")` one of them, and `examine` proves and checks it:

    >>> result = examine(find_question("1c"))
    >>> result.passed, result.proofs[0].verdict, result.proofs[0].false_variant
    (True, 'proved', 'refuted')

From the command line, as `retroprop theory`:

    python -m retroprop.labs.ift3395_theorie 2i --lang fr
"""

from retroprop.labs.ift3395_theorie.numerical_check import examine
from retroprop.labs.ift3395_theorie.sheet import SHEET, find_question

__all__ = ["SHEET", "examine", "find_question"]
