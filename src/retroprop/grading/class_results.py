"""The folder with the results of a class: what is kept while it is graded, and written at the end.

NAME/results.json     of a submission, after each of its questions
class.csv             the points of all, and why
class.html, teacher/  the teacher's pages
students/NAME.html    what each student reads
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from retroprop.errors import UserError, in_short
from retroprop.files import held, make_folder, remove_leftovers, unfinished
from retroprop.grading.class_grading import Order
from retroprop.grading.pages import Graded, write_pages
from retroprop.grading.results import Sheet
from retroprop.grading.results_files import file_names, write_class_csv, write_results
from retroprop.grading.similarity import similar_pairs
from retroprop.grading.submissions import Submission


@contextlib.contextmanager
def results_folder(folder: Path) -> Iterator[None]:
    """Have a folder for results to oneself; what a killed grading was writing there is removed.

    Raises:
        UserError: If another grading has it, or it cannot be written.
    """
    busy = (
        f"another retroprop grade writes into {folder}: wait for its end, or name another folder "
        "with --out."
    )
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(folder, busy=busy))
            places = [folder, *filter(Path.is_dir, folder.iterdir())]
        except OSError as error:
            raise _refused(folder, error) from None
        for place in places:
            remove_leftovers(place, *map(unfinished, ("secret", "*.json", "*.csv", "*.html")))
        yield


def _refused(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"the results cannot be written to {folder} ({in_short(error)}); name another folder with "
        "--out."
    )


class ClassResults:
    """Writes the results of a class into a folder that this process has to itself."""

    def __init__(
        self,
        folder: Path,
        submissions: Sequence[Submission],
        *,
        order: Order,
        title: str,
        similarity: bool,
    ) -> None:
        """Nothing is written yet.

        Args:
            folder: Where to write.
            submissions: Of the class.
            order: How they are graded.
            title: Of the assignment, in English as `say_later` marked it.
            similarity: Whether the submissions are compared with each other.
        """
        self.folder, self.order, self.say = folder, order, order.say
        self.title, self.similarity = self.say(title), similarity
        self.names = file_names(one.name for one in submissions)

    def keep(self, sheet: Sheet) -> None:
        """Write what there is of a submission.

        Raises:
            UserError: If it cannot be written.
        """
        own = self.folder / self.names[sheet.submission.name]
        try:
            make_folder(own)
            write_results(own / "results.json", sheet, self.say)
        except OSError as error:
            raise _refused(self.folder, error) from None

    def write(self, sheets: Sequence[Sheet]) -> list[Path]:
        """Write what is about the class, and its pages.

        Args:
            sheets: Those that are finished.

        Returns:
            The files that a teacher opens.

        Raises:
            UserError: If one cannot be written.
        """
        ordered = sorted(sheets, key=lambda sheet: sheet.submission.name)
        pairs = None
        if self.similarity:
            compared = [sheet.submission for sheet in ordered if not sheet.submission.unreadable]
            pairs = similar_pairs(compared, self.order.grading.template)
        graded = Graded(
            title=self.title,
            grading=self.order.grading,
            sheets=ordered,
            pairs=pairs,
            language=self.order.language,
        )
        try:
            write_class_csv(self.folder / "class.csv", ordered, self.say)
            page = write_pages(self.folder, graded)
        except OSError as error:
            raise _refused(self.folder, error) from None
        return [page, self.folder / "class.csv"]
