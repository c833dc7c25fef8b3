"""Grading: a submission answers in confinement, and what it answers is judged here."""
