"""A report as one HTML file: no script, no network, light and dark, telephone to paper."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from retroprop.figures.style import page_colours
from retroprop.report.document import Document


def render_html(document: Document) -> str:
    """Draw a document as a self-contained page."""
    environment = Environment(
        loader=PackageLoader("retroprop.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    template = environment.get_template("report.html.j2")
    return template.render(
        document=document,
        svg=Markup,  # our own figures, whose texts are escaped where they are made
        light=page_colours(),
        dark=page_colours(dark=True),
    )
