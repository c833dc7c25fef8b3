"""The assignments: one folder each, with the names of its original template, calling the rooms."""
