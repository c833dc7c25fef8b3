"""What can be calculated without training: functions and derivatives, convolution arithmetic.

`functions` and `norms` know no other room. `theory` proves the theory sheet and ties it to the code
of `byhand`.
"""
