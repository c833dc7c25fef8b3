"""INF8225, TP1 (Polytechnique Montréal): Bayesian network, logistic regression, MLP by hand.

`bayes` has the names of the assignment's part 1, `regression` those of part 2 and `mlp` those of
part 3.
"""
