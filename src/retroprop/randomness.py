"""Named streams of random numbers, so that a draw depends on what it is for and on nothing else.

The order of the minibatches of epoch 3 under seed 0 is `generator("minibatches", 0, 3)`: the same
numbers whoever asks, in whatever process, whatever was drawn before. That is what makes a resumed
run equal to an uninterrupted one without saving any generator's state.
"""

import hashlib

import torch


def generator(*path: int | str) -> torch.Generator:
    """A CPU generator whose stream depends only on the words and numbers of `path`.

    >>> a = torch.rand(2, generator=generator("weights", 0))
    >>> b = torch.rand(2, generator=generator("weights", 0))
    >>> c = torch.rand(2, generator=generator("weights", 1))
    >>> bool((a == b).all()), bool((a == c).any())
    (True, False)
    """
    digest = hashlib.sha256("/".join(map(str, path)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
