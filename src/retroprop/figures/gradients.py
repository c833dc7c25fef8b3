"""The slopes of two losses against the pre-activation of a sigmoid output, for the class y = 1."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from retroprop.figures.style import INK, new_panel, series_style


def gradients_at_the_output(
    pre_activations: Sequence[float],
    slopes: Mapping[str, Sequence[float]],
    *,
    x_label: str,
    y_label: str,
    regions: tuple[str, str],
    language: str = "en",
) -> Figure:
    """Draw ∂L/∂o of each loss over o.

    Args:
        pre_activations: Where the slopes are known, in increasing order.
        slopes: For each loss's name its slopes there.
        x_label: The name of o.
        y_label: The name of ∂L/∂o.
        regions: What is left of 0, and what is right of it: "wrong", "right".
        language: "en" or "fr".
    """
    figure, axes = new_panel(3.0, x_label=x_label, y_label=y_label, language=language)
    axes.set_xlim(pre_activations[0], pre_activations[-1])
    axes.set_ylim(-1.08, 0.12)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.axvline(0, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
    for name, edge in zip(regions, (pre_activations[0], pre_activations[-1]), strict=True):
        axes.text(edge / 2, 0.06, name, fontsize=8.5, color=INK, ha="center", va="center")
    named_at = len(pre_activations) // 6  # where the curves are far apart
    for index, (name, values) in enumerate(slopes.items()):
        style = series_style(index)
        axes.plot(
            pre_activations,
            values,
            color=style.light,
            linewidth=1.7,
            marker=style.marker,
            markersize=4,
            markevery=max(1, len(values) // 8),
        )
        axes.annotate(
            name,
            xy=(pre_activations[named_at], values[named_at]),
            xytext=(0, 7 if values[named_at] < -0.5 else -9),
            textcoords="offset points",
            fontsize=9,
            color=style.light,
            ha="center",
            va="bottom" if values[named_at] < -0.5 else "top",
        )
    return figure
