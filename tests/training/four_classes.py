"""Small made-up images of four classes, for the tests of this folder."""

import torch

from retroprop.training.populations import Examples

SHAPE = (6, 6, 1)


def make_examples(n=230, seed=0):
    """Four classes of noisy images that a linear model can learn in part."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (n,), generator=generator)
    images = torch.randint(0, 90, (n, 36), generator=generator)
    images[torch.arange(n), labels] += 150
    images[:, 30:] = 0  # pixels that are always black, as in the real images
    return Examples(images=images.to(torch.uint8), labels=labels, n_classes=4, image_shape=SHAPE)
