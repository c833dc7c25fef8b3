"""INF8225, TP1 (Polytechnique Montréal): Bayesian network, logistic regression, MLP by hand.

`regression` has the names of the assignment's part 2, `mlp` those of part 3.
"""
