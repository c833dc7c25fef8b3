"""Measured claims: each script prints ratios measured side by side in one run, and keeps a record.

python -m benchmarks                  all of them (about ten minutes on two cores)
python -m benchmarks.study            one of them; --help says what it measures
"""
