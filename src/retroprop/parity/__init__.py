"""The proof of the laboratory: everything derived by hand, beside its twin by other means.

`table` lists every public layer, loss, optimizer, schedule and network of `byhand` with an
independent twin (autograd, torch.optim, torch.optim.lr_scheduler) and the shapes to compare them
on; `comparisons` makes them, in float64; `training` trains both derivations side by side.
`retroprop verify` prints the result, and `tests/parity` proves that a wrong gradient is found.
"""
