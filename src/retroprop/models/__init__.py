"""The networks by automatic differentiation: `torch.nn` modules that give logits.

They know nothing of `byhand`: `retroprop.parity` compares the two derivations. The names of the
state dicts are those of the assignments, so weights trained with the original templates load.
"""
