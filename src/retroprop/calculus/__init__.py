"""Elementary functions and their derivatives, norms of gradients, the theory sheet, convolutions.

`functions` and `norms` know no other room. `theory` proves the sheet and ties it to the code of
`byhand`.
"""
