"""retroprop, a deep-learning laboratory: from the Bayesian network to the MLP-Mixer."""

__version__ = "0.1.0"
