"""Formulas: one source text, drawn in a terminal, said in words, and set as MathML and LaTeX.

`notation` reads it; `drawing`, `speaking`, `mathml` and `latex` write it; `prose` cuts a
text into what is written and what is a formula. This room knows no other.
"""
