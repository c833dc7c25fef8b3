"""What can be calculated without training: functions and derivatives, convolution arithmetic."""
