"""The notebooks of the labs, as files: valid, of code that Python can read, and one run whole.

The code cells of the labs that train run in the tests of their questions, at smoke size.
"""

import nbformat
import pytest
from nbclient import NotebookClient

from retroprop.labs.assignments import ASSIGNMENTS
from retroprop.labs.catalog import find_lab
from retroprop.report import write_lab_report


def written(name, language, folder):
    (file,) = write_lab_report(
        find_lab(name), None, language=language, formats=["ipynb"], folder=folder
    )
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    return notebook


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_a_notebook_is_valid_and_its_cells_are_python(name, tmp_path):
    notebook = written(name, "en", tmp_path)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert len(cells) == 1 + len(find_lab(name).questions)
    for source in cells:
        compile(source, name, "exec")
    assert f'open_lab("{name}"' in cells[0]


def test_a_notebook_runs_from_top_to_bottom_and_shows_each_answer(tmp_path):
    notebook = written("ift3395-theorie", "fr", tmp_path)
    client = NotebookClient(
        notebook,
        timeout=None,
        startup_timeout=24 * 3600,  # the watchdog finds a kernel that hangs
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    answers = [cell for cell in notebook.cells if cell.cell_type == "code"][1:]
    for cell in answers:
        shown = [output for output in cell.outputs if "text/html" in output.get("data", {})]
        assert shown, cell.source
        assert "Question" in shown[-1]["data"]["text/html"]


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_what_is_known_before_the_questions_are_read_is_what_they_say(name):
    lab, known = find_lab(name), ASSIGNMENTS[name]
    assert (lab.name, lab.title, lab.source) == (name, known.title, known.source)
    assert lab.studies == list(known.studies)
