"""INF8225, TP1 (Polytechnique Montréal): Bayesian network, logistic regression, MLP by hand.

`bayes` has the names of the assignment's part 1, `regression` those of part 2 and `mlp` those of
part 3.
"""

NETWORK_REPORT = "inf8225-bayes"
"""A report of part 1 alone, which needs no records: `retroprop report inf8225-bayes`."""
