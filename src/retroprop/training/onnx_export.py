"""A trained model as an ONNX file: bytes in, probabilities out, checked against torch.

A model that learned by the squared error gives its scores instead.
"""

import copy
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from retroprop.errors import UserError, in_short
from retroprop.files import replace_file
from retroprop.training.image_sets import Normalization
from retroprop.training.model_files import ModelCard

_CHECKED = 5
"""Images that the check tries; the file was made from 2."""


class BytesToProbabilities(nn.Module):
    """A model with its normalization in front and softmax behind, unless its outputs are scores."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, model: nn.Module, normalization: Normalization, *, scores: bool = False
    ) -> None:
        """Take a copy of the model, and the numbers of the normalization."""
        super().__init__()
        self.scores = scores
        self.model = copy.deepcopy(model)
        for name, module in self.model.named_modules():
            if isinstance(module, nn.AdaptiveMaxPool2d):
                self.model.set_submodule(name, _BinnedMaxPool2d(module.output_size))
        self.register_buffer("mean", normalization.mean)
        self.register_buffer("std", normalization.std)

    def forward(
        self, images: UInt8[Tensor, "n height width channels"]
    ) -> Float[Tensor, "n classes"]:
        """Probabilities of the classes, or their scores."""
        planes = images.permute(0, 3, 1, 2).float()
        z = self.model((planes - self.mean) / self.std)
        return z if self.scores else z.softmax(1)


class _BinnedMaxPool2d(nn.Module):
    """Adaptive max-pooling written out, for ONNX has none: the largest value of each bin.

    Bin i of n covers the rows ⌊i H / n⌋ to ⌈(i + 1) H / n⌉ − 1, and the columns likewise.
    """

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.rows, self.columns = output_size

    def forward(self, x: Tensor) -> Tensor:
        for axis, bins in ((-2, self.rows), (-1, self.columns)):
            size = x.shape[axis]
            edges = [(i * size // bins, -(-(i + 1) * size // bins)) for i in range(bins)]
            x = torch.stack([x.narrow(axis, a, b - a).amax(axis) for a, b in edges], axis)
        return x


def export_onnx(
    model: nn.Module,
    card: ModelCard,
    normalization: Normalization,
    path: Path,
    *,
    scores: bool = False,
) -> float:
    """Write the file, run it with onnxruntime, and return the largest difference.

    Args:
        model: In evaluation mode, on the CPU.
        card: What its images and classes are.
        normalization: What its inputs must be.
        path: Where the file goes.
        scores: Whether the model's outputs are scores, of which softmax makes no probabilities.

    Raises:
        UserError: If the libraries are not installed, the file cannot be written, or its outputs
            are not those of the model.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 - torch.onnx writes with it
    except ImportError as error:
        raise UserError(
            f"exporting needs {error.name}; in the folder of retroprop, run first: pip install "
            "-c constraints.txt -e '.[onnx]'."
        ) from None
    if path.is_dir():
        raise UserError(f"{path} cannot be written (it is a folder); name a file with --output.")
    whole = BytesToProbabilities(model, normalization, scores=scores).eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(
        0, 256, (_CHECKED, *card.image_shape), generator=generator, dtype=torch.uint8
    )
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it looks for torchvision
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own deprecated calls
        program = torch.onnx.export(
            whole,
            (images[:2],),
            input_names=["images"],
            output_names=["scores" if scores else "probabilities"],
            dynamic_shapes=({0: torch.export.Dim("n", min=1)},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    content = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {"images": images.numpy()})
    with torch.inference_mode():
        worst = float((torch.from_numpy(theirs) - whole(images)).abs().max())
    if not worst < 1e-4:
        raise UserError(
            f"the outputs of {path} would differ from the model's by {worst:.1e}, so it was not "
            "kept; report it with the versions of torch and onnxruntime."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({in_short(error)}).") from error
    return worst
