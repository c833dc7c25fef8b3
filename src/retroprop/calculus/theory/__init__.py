"""The theory sheet of IFT3395 as knowledge that checks itself.

`sheet.SHEET` lists the questions; each holds its statement, its derivation, its symbolic proof and
its numerical check (`question.Question`), and `checking.examine` says whether they hold.
"""
