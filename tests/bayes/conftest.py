"""Hypothesis draws the same examples on every machine, and keeps no database of them.

`benchmarks/fuzz_bayes.py` is what looks for new ones.
"""

from hypothesis import settings

settings.register_profile("same-everywhere", derandomize=True, database=None, deadline=None)
settings.load_profile("same-everywhere")
