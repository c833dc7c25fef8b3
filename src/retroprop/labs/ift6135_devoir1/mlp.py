"""IFT6135, devoir 1, `mlp.py`: a linear layer and an MLP with the names of the template.

`Linear` has `weight` (out, in) and `bias` (out). `MLP(input_size, hidden_sizes, num_classes,
activation)` has `hidden_layers`, `output_layer`, `_build_layers`, `_initialize_linear_layer` and
`activation_fn`; it gives logits. Both are those of `retroprop.models.mlp`.
"""

from retroprop.models.mlp import MLP, Linear

__all__ = ["MLP", "Linear"]
