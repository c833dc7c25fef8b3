"""IFT6135, devoir 1, `utils.py`: loss, accuracy, devices, seeds, figures; the template's names.

Source: IFT6135, devoir 1, question 4.1 for the loss, which must not call torch's.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from retroprop.errors import UserError, in_short
from retroprop.files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES = ("train_accs", "valid_accs", "train_losses", "valid_losses")
"""The lists of results.json, one value per epoch each; each is a figure."""


def cross_entropy_loss(
    logits: Float[Tensor, "batch classes"], labels: Integer[Tensor, "batch"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy (nats): mean_b (ln Σ_c exp(z_bc) − z_b,y_b).

    The largest logit of a row is taken off before the exponential, so that it never overflows.

    Args:
        logits: Unnormalised scores.
        labels: Class indices in [0, classes).

    Raises:
        UserError: If they do not belong together, there is none, or a label is out of range (which
            is seen on the CPU; on a GPU, looking would wait for it at every step).

    >>> cross_entropy_loss(torch.tensor([[0.0, 0.0], [1e5, 0.0]]), torch.tensor([1, 0]))
    tensor(0.3466)
    """
    _check(logits, labels)
    shifted = logits - logits.detach().amax(dim=1, keepdim=True)
    log_sums = shifted.exp().sum(dim=1).log()  # (batch,)
    of_labels = shifted.gather(1, labels.long().unsqueeze(1)).squeeze(1)  # (batch,)
    return (log_sums - of_labels).mean()


def compute_accuracy(
    logits: Float[Tensor, "batch classes"], labels: Integer[Tensor, "batch"]
) -> Float[Tensor, ""]:
    """The fraction of the batch whose largest logit is that of the label.

    >>> compute_accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    tensor(0.5000)

    Raises:
        UserError: As for `cross_entropy_loss`.
    """
    _check(logits, labels)
    return (logits.argmax(dim=1) == labels).float().mean()


def to_device(tensors: Any, device: str | torch.device) -> Any:
    """A tensor, or a dictionary, list or tuple of them, on a device; nothing is copied needlessly.

    Raises:
        UserError: If there is anything else in it.
    """
    if isinstance(tensors, Tensor):
        return tensors.to(device)
    if isinstance(tensors, dict):
        return {name: to_device(tensor, device) for name, tensor in tensors.items()}
    if isinstance(tensors, list | tuple):
        return type(tensors)(to_device(tensor, device) for tensor in tensors)
    raise UserError(
        "to_device moves tensors and dictionaries, lists or tuples of them, and got "
        f"{type(tensors).__name__}."
    )


def seed_experiment(seed: int) -> None:
    """Seed the generators of Python, NumPy and torch, of the GPUs too.

    Raises:
        UserError: If the seed is not from 0 to 2³² − 1, which is what NumPy takes.
    """
    if not 0 <= seed < 2**32:
        raise UserError(f"seed must be a whole number from 0 to {2**32 - 1}, and got {seed}.")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def generate_plots(
    list_of_dirs: Sequence[str | Path], legend_names: Sequence[str], save_path: str | Path
) -> list[Path]:
    """Draw four figures, with a curve for each run: train and validation, accuracy and loss.

    Args:
        list_of_dirs: Folders that have a results.json, as `main` writes them.
        legend_names: What each of them is called in the figures.
        save_path: The folder for train_accs.png, valid_accs.png, train_losses.png and
            valid_losses.png; it is made when it is not there.

    Returns:
        The four files.

    Raises:
        UserError: If there is not one name per folder, or a file cannot be read or written.
    """
    if len(list_of_dirs) != len(legend_names) or not list_of_dirs:
        raise UserError(
            f"generate_plots needs one name per folder, at least one, and got {len(list_of_dirs)} "
            f"folders and {len(legend_names)} names."
        )
    if len(set(legend_names)) < len(legend_names):
        raise UserError(f"the names must differ, and are {', '.join(legend_names)}.")
    runs = {
        name: _results(Path(folder))
        for folder, name in zip(list_of_dirs, legend_names, strict=True)
    }
    return [
        save_figure(
            epoch_curves({name: run[curve] for name, run in runs.items()}, curve),
            Path(save_path) / f"{curve}.png",
        )
        for curve in CURVES
    ]


def epoch_curves(series: dict[str, list[float | None]], curve: str) -> "Figure":
    """One quantity over the epochs, a line for each run with its name at its end.

    Args:
        series: For each name one value per epoch; None where a number was not finite.
        curve: A name of `CURVES`.
    """
    from matplotlib.ticker import MaxNLocator

    from retroprop.figures.style import EndLabel, dress, label_ends, new_figure, series_style

    part, quantity = curve.split("_")
    part = {"train": "train", "valid": "validation"}[part]
    scale, y_label = (100, f"{part} accuracy (%)") if quantity == "accs" else (1, f"{part} loss")
    figure = new_figure()
    axes = figure.subplots()
    dress(axes, x_label="epoch", y_label=y_label if scale == 100 else f"{y_label} (nats)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    ends: list[EndLabel] = []
    for index, (name, values) in enumerate(series.items()):
        style = series_style(index)
        points = [(n, scale * value) for n, value in enumerate(values, 1) if value is not None]
        if not points:
            ends.append(EndLabel(text=f"{name}: diverged", colour=style.light))
            continue
        axes.plot(
            *zip(*points, strict=True),
            color=style.light,
            linewidth=1.5,
            marker=style.marker,
            markersize=4,
        )
        ends.append(EndLabel(text=name, colour=style.light, x=points[-1][0], y=points[-1][1]))
    axes.autoscale_view()  # the labels need the limits as they will stay
    label_ends(axes, ends)
    return figure


def save_figure(figure: "Figure", path: Path) -> Path:
    """Write a figure as a picture on white ground; its folder is made when it is not there.

    Raises:
        UserError: If it cannot be written.
    """
    from retroprop.figures.style import to_bytes

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.patch.set_alpha(1)
        picture = to_bytes(figure, path.suffix, dpi=150, facecolor="white")
        replace_file(path, picture)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {in_short(error)}; name a folder of yours."
        ) from error
    return path


def _results(folder: Path) -> dict[str, list[float | None]]:
    """The four lists of a results.json."""
    path = folder / "results.json"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"there is no {path}; name a folder that main wrote to (--logdir)."
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot read {path}: {error}; run main with this --logdir again."
        ) from error
    for curve in CURVES:
        values = results.get(curve) if isinstance(results, dict) else None
        if not isinstance(values, list) or not all(
            value is None or isinstance(value, int | float) for value in values
        ):
            raise UserError(
                f"{path} should have a list of numbers called {curve!r}, one per epoch, and has "
                "none; run main with this --logdir again."
            )
    return {curve: results[curve] for curve in CURVES}


def _check(logits: Tensor, labels: Tensor) -> None:
    if not len(labels) or len(logits) != len(labels):
        raise UserError(
            f"expected one label for each row of logits, at least one, and got {len(logits)} rows "
            f"and {len(labels)} labels."
        )
    if labels.device.type == "cpu":
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= logits.shape[1]:
            raise UserError(
                f"labels must be whole numbers from 0 to {logits.shape[1] - 1}, as there are "
                f"{logits.shape[1]} logits, and reach from {low} to {high}."
            )
