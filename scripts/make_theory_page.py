"""Write the tables of docs/theory.md from the sheet itself, and the figure of both gradients.

    python scripts/make_theory_page.py

A test compares the page with what this writes, so a proof, a check or a line of code that changes
without its page is found.
"""

from collections.abc import Iterator
from pathlib import Path

from retroprop.labs.ift3395_theorie.figure import loss_gradients
from retroprop.labs.ift3395_theorie.sheet import SHEET
from retroprop.mathematics.drawing import one_line, plain
from retroprop.mathematics.prose import on_one_line

DOCS = Path(__file__).parents[1] / "docs"
PAGE, FIGURE_FILE = DOCS / "theory.md", DOCS / "images" / "loss-gradients.png"


def main() -> None:
    """Write the page and the figure."""
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    figure = loss_gradients("en")
    figure.patch.set(alpha=1.0, facecolor="white")
    figure.savefig(FIGURE_FILE, dpi=160, metadata={"Software": None})
    print(f"wrote {PAGE} and {FIGURE_FILE}")


def with_tables(page: str) -> str:
    """The page with the tables between its marks made anew."""
    tables = {"proofs": proofs(), "checks": checks(), "code": code()}
    for name, rows in tables.items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        assert page.count(start) == page.count(end) == 1, f"the page needs {start} … {end} once"
        before, _, rest = page.partition(start)
        page = before + "\n".join((start, *rows, end)) + rest.partition(end)[2]
    return page


def proofs() -> Iterator[str]:
    """A row for each statement that SymPy proves."""
    yield "| | proved by SymPy | for | false variant, refuted |"
    yield "|---|---|---|---|"
    for question in SHEET:
        for proof in question.proofs:
            scope = plain(on_one_line(proof.scope))
            yield _row(question.name, _formula(proof.claim), scope, _formula(proof.false))


def checks() -> Iterator[str]:
    """A row for each comparison."""
    yield "| | compared | with | draws | tolerance |"
    yield "|---|---|---|---|---|"
    for question in SHEET:
        for check in question.checks:
            tolerance = f"{check.tolerance:.0e}" if check.tolerance else "exact"
            yield _row(question.name, check.claim, check.against, str(check.rounds), tolerance)


def code() -> Iterator[str]:
    """A row for each line of code that computes a formula of the sheet."""
    yield "| | function | line |"
    yield "|---|---|---|"
    for question in SHEET:
        for line in question.code:
            place = f"[{line.place}](../src/retroprop/{line.path}#L{line.number()})"
            yield _row(question.name, f"{place} `{line.function}`", f"`{line.text}`")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _formula(source: str) -> str:
    return f"`{' '.join(plain(one_line(source)).split())}`"


if __name__ == "__main__":
    main()
