"""Discrete Bayesian networks: exact inference, interventions, batches of evidence.

>>> net = BayesNet(
...     {"rain": ([0.8, 0.2], []), "wet": ([[0.9, 0.1], [0.2, 0.8]], ["rain"])},
...     states={"rain": ["no", "yes"], "wet": ["no", "yes"]},
... )
>>> net.query("rain", given={"wet": "yes"})
rain  P(rain | wet=yes)
no             0.333333
yes            0.666667
>>> net.query("rain", do={"wet": "yes"})  # who waters the street learns nothing about the rain
rain  P(rain | do(wet=yes))
no                      0.8
yes                     0.2
"""

from retroprop.bayes.bayes_net import BayesNet
from retroprop.bayes.compiled import CompiledQuery
from retroprop.bayes.explanation import Explanation
from retroprop.bayes.queries import Posteriors
from retroprop.bayes.table import NamedTable

__all__ = ["BayesNet", "CompiledQuery", "Explanation", "NamedTable", "Posteriors"]
