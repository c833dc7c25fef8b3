"""Formulas in a PDF: what a typst template needs in front of it to set the notation as it is."""

from importlib.resources import files

from retroprop.mathematics.speaking import spoken


def typst_names() -> bytes:
    """Typst's text that defines `names` and `formula`, to stand in front of a template."""
    return files("retroprop.mathematics").joinpath("formulas.typ").read_bytes()


def typst_formula(source: str, language: str) -> dict[str, str]:
    """What `formula` draws: the source, and its words.

    Its words are made of its tree, so what is not the notation never reaches typst.

    Raises:
        ValueError: If it is not of the notation.
    """
    return {"source": source, "alt": spoken(source, language)}
