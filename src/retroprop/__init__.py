"""retroprop: a deep-learning laboratory, from the Bayesian network to ResNet-18 and the MLP-Mixer."""

__version__ = "0.1.0"
