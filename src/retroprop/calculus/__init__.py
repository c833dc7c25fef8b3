"""What can be calculated without training: functions and derivatives, convolution arithmetic.

It stands below `byhand` and knows no other room.
"""
