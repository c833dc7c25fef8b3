"""From a matplotlib figure to the two drawings of a picture: one for paper, one for a page."""

from matplotlib.figure import Figure

from retroprop.figures.style import for_page, to_svg
from retroprop.report.document import Picture


def picture(
    name: str,
    caption: str,
    description: str,
    figure: Figure,
    *,
    half: bool = False,
    wide: bool = False,
) -> Picture:
    """A picture with its words; `name` must be its own within the report."""
    svg = to_svg(figure, name=name, title=caption, description=description)
    return Picture(
        name=name,
        caption=caption,
        description=description,
        svg=svg,
        page_svg=for_page(svg),
        half=half,
        wide=wide,
    )
