"""What is handed in, in every form, and what becomes of a form that cannot be read."""

import io
import json
import os
import stat
import zipfile

import pytest

from retroprop.errors import UserError
from retroprop.grading.checks import LabGrading
from retroprop.grading.gradescope_export import read_metadata
from retroprop.grading.submissions import MOST_SOURCE_BYTES, read_class, read_submission
from retroprop.languages import translator

TEMPLATE = "def norm(x):\n    pass\n\nclass Trainer:\n    def step(self):\n        pass\n"
ONE = LabGrading(
    lab="one", files=("solution",), probes="", questions=(), template={"solution": TEMPLATE}
)
SEVERAL = LabGrading(lab="several", files=("mlp", "utils"), probes="", questions=())
SAY = translator("en")
CODE = "def norm(x):\n    return 1\n"


@pytest.fixture
def class_folder(tmp_path):
    """An empty folder; tmp_path holds the working folder."""
    folder = tmp_path / "class"
    folder.mkdir()
    return folder


def zipped(files, **options):
    """A zip of a dictionary path → bytes or text."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **options) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return stream.getvalue()


def write(folder, files):
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def by_name(folder, grading=ONE):
    return {one.name: one for one in read_class(folder, grading, SAY)}


def test_an_empty_folder_is_a_row_where_a_class_hands_in_folders(class_folder):
    write(class_folder, {"anna/solution.py": CODE})
    (class_folder / "ben").mkdir()
    (class_folder / ".git").mkdir()
    found = by_name(class_folder)
    assert found.keys() == {"anna", "ben"}
    assert found["ben"].unreadable == "the folder is empty"
    assert by_name(class_folder / "anna").keys() == {"anna"}
    (class_folder / "anna" / "data").mkdir()  # no class
    assert by_name(class_folder / "anna").keys() == {"anna"}


def test_an_empty_folder_has_a_name_of_its_own_and_its_students(class_folder):
    write(class_folder, {
        "anna/solution.py": CODE, "ben.py": CODE,
        "submission_metadata.yml": "submission_3:\n  :submitters:\n  - :name: Carol\n",
    })  # fmt: skip
    (class_folder / "ben").mkdir()
    (class_folder / "submission_3").mkdir()
    found = by_name(class_folder)
    assert found.keys() == {"anna", "ben", "ben (2)", "submission_3"}
    assert found["submission_3"].students == ("Carol",)


def test_results_among_the_submissions_are_none(class_folder):
    write(class_folder, {"anna.py": CODE, "grades/anna/results.json": "{}", "grades/a.py": CODE})
    read = read_class(class_folder, ONE, SAY, results=class_folder / "grades")
    assert [one.name for one in read] == ["anna"]


# --- forms of a class -----------------------------------------------------------------------------


def test_a_folder_of_files_is_a_class(class_folder):
    found = by_name(
        write(class_folder, {"anna.py": CODE, "ben.py": "x = 1\n", "grades.csv": "a,b"})
    )
    assert {name: one.files for name, one in found.items()} == {
        "anna": {"solution": CODE},
        "ben": {"solution": "x = 1\n"},
    }


def test_a_folder_of_folders_is_a_class(class_folder):
    files = {"anna/mlp.py": "a = 1\n", "anna/utils.py": "b = 2\n", "ben/sub/mlp.py": "c = 3\n"}
    found = by_name(write(class_folder, files), SEVERAL)
    assert found["anna"].files == {"mlp": "a = 1\n", "utils": "b = 2\n"}
    assert found["ben"].files == {"mlp": "c = 3\n"}
    assert found["ben"].notes == ("it lacks utils.py",)


def test_a_folder_with_a_file_of_the_lab_is_one_submission(class_folder):
    found = by_name(write(class_folder / "anna", {"solution.py": CODE, "helper.py": "h = 1\n"}))
    assert found["anna"].files == {"solution": CODE, "helper": "h = 1\n"}


def test_a_zip_of_zips_is_a_class(class_folder):
    anna = zipped({"work/mlp.py": "a = 1\n", "work/utils.py": "b = 2\n"})
    ben = zipped({"inner.zip": zipped({"mlp.py": "c = 3\n"})})
    write(class_folder, {"class.zip": zipped({"tp/anna.zip": anna, "tp/ben.zip": ben})})
    found = by_name(class_folder / "class.zip", SEVERAL)
    assert found["anna"].files == {"mlp": "a = 1\n", "utils": "b = 2\n"}
    assert found["ben"].files == {"mlp": "c = 3\n"}


METADATA = """---
submission_1:
  :submitters:
  - :name: Ada Lovelace
    :sid: '17'
    :email: ada@example.org
  - :name: "Zo\\xEB d'Arc"
  :created_at: 2026-01-01 00:00:00 Z
  :results:
    :tests:
    - :name: no student
  :history:
  - :id: 5
    :submitters:
    - :name: Ada Lovelace
submission_2:
  :submitters:
  - :name: O'Hara
"""


def test_the_export_of_gradescope_names_the_submitters(class_folder):
    files = {
        "assignment_9_export/submission_metadata.yml": METADATA,
        "assignment_9_export/submission_1/tp.py": CODE,
    }
    found = by_name(write(class_folder, files))
    assert found["submission_1"].files == {"solution": CODE}
    assert found["submission_1"].students == ("Ada Lovelace", "Zoë d'Arc")
    assert found["submission_2"].students == ("O'Hara",)
    assert "its folder is missing" in found["submission_2"].unreadable


@pytest.mark.parametrize(
    "text",
    ["", "\0", "- a\n- b", "a: b: c\n  x", "one: {a: 1}", "one:\n  :submitters: []"],
)
def test_metadata_of_another_form_name_nobody(text):
    assert not any(read_metadata(text).values())


def test_files_alone_are_one_submission(class_folder):
    write(class_folder, {"mlp.py": "a = 1\n", "utils.py": "b = 2\n"})
    one = read_submission([class_folder / "mlp.py", class_folder / "utils.py"], SEVERAL, SAY)
    assert one.files == {"mlp": "a = 1\n", "utils": "b = 2\n"}


# --- which file is which --------------------------------------------------------------------------


def test_among_several_files_the_one_with_the_names_of_the_template_is_taken(class_folder):
    files = {"anna/helpers.py": "h = 1\n", "anna/tp3_final.py": CODE, "ben/a.py": CODE}
    found = by_name(write(class_folder, files))
    assert found["anna"].files["solution"] == CODE
    assert "tp3_final.py was taken" in found["anna"].notes[0]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        *(("mlp", name) for name in ("MLP.py", "mlp (1).py", "mlp-2.py", "mlp copy.py")),
        *(("resnet18", name) for name in ("ResNet18.py", "resnet18 (2).py", "resnet18_1.py")),
    ],
)
def test_names_that_browsers_make_are_understood(class_folder, file, name):
    lab = LabGrading(lab="several", files=(file, "utils"), probes="", questions=())
    found = by_name(write(class_folder, {f"anna/{name}": "a = 1\n", "anna/utils.py": ""}), lab)
    assert found["anna"].files[file] == "a = 1\n"


def test_a_notebook_with_everything_stands_for_every_file(class_folder):
    cells = [{"cell_type": "code", "source": ["class MLP:\n", "    pass"]}]
    write(class_folder, {"anna.ipynb": json.dumps({"cells": cells, "nbformat": 4})})
    files = by_name(class_folder, SEVERAL)["anna"].files
    assert files["mlp"] == files["utils"] == "# --- cell 1\nclass MLP:\n    pass\n"


# --- what cannot be read --------------------------------------------------------------------------


def test_a_wrong_file_costs_nobody_else_anything(class_folder):
    files = {
        "anna.py": CODE,
        "pdf.pdf": b"%PDF-1.7 \xff",
        "named.py": b"%PDF-1.7 \xff",
        "null.py": b"x = 1\0\n",
        "huge.py": b"#" * (MOST_SOURCE_BYTES + 1),
        "broken.zip": b"PK\x03\x04 no more",
        "text.zip": b"hello",
        "empty.zip": zipped({}),
        "notebook.ipynb": b"{",
        "deep.ipynb": b"[" * 100_000,
        "other.ipynb": b'{"cells": 3}',
        "report/report.docx": b"PK",
    }
    found = by_name(write(class_folder, files))
    assert found["anna"].files == {"solution": CODE}
    reasons = {name: one.unreadable for name, one in found.items() if name != "anna"}
    assert all(reason and len(reason) < 300 for reason in reasons.values())
    assert len(reasons) == len(files) - 1
    assert "a PDF document" in reasons["pdf"]
    assert "a PDF document" in reasons["named"]
    assert "more than" in reasons["huge"]
    assert "no Jupyter notebook" in reasons["deep"]


def test_an_error_of_ours_in_one_file_is_no_error_of_the_class(class_folder, monkeypatch):
    def fail(*_):
        raise RecursionError("of a parser")

    monkeypatch.setattr("retroprop.grading.submissions.read_notebook", fail)
    found = by_name(write(class_folder, {"anna.py": CODE, "ben.ipynb": "{}"}))
    assert found["anna"].unreadable is None
    assert found["ben"].unreadable == "ben.ipynb cannot be read: RecursionError"


def test_links_pipes_and_folders_without_permission_are_named_and_not_opened(class_folder):
    secret = class_folder / "secret.py"
    secret.write_text("SECRET = 1\n")
    folder = write(class_folder / "class", {"anna/solution.py": CODE})
    (folder / "ben").mkdir()
    (folder / "ben" / "solution.py").symlink_to(secret)
    (folder / "carl").symlink_to(class_folder)
    os.mkfifo(folder / "dora.py")
    found = by_name(folder)
    assert found["anna"].unreadable is None
    assert "symbolic link" in found["ben"].unreadable
    assert "symbolic link" in found["carl"].unreadable
    assert "is no file" in found["dora"].unreadable


def test_paths_that_leave_an_archive_lead_nowhere(class_folder):
    link = zipfile.ZipInfo("link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    paths = {
        "../../evil.py": CODE,
        "/etc/evil.py": CODE,
        "a/..\\evil.py": CODE,
        link: "/etc/passwd",
    }
    write(class_folder, {"class/anna.zip": zipped(paths), "class/ben.py": CODE})
    anna = by_name(class_folder / "class")["anna"]
    assert anna.files == {}
    assert sum("leads out of its archive" in note for note in anna.notes) == 3
    assert any("symbolic link" in note for note in anna.notes)


def test_of_two_files_with_one_name_the_last_counts_and_it_is_said(class_folder):
    two = zipped({"solution.py": "first = 1\n", "solution.px": "last = 1\n"})
    write(class_folder, {"anna.zip": two.replace(b".px", b".py"), "ben.py": CODE})
    anna = by_name(class_folder)["anna"]
    assert anna.files == {"solution": "last = 1\n"}
    assert "2 times" in anna.notes[0]


def test_a_bomb_is_not_unpacked(class_folder):
    bomb = zipped({"solution.py": b"#" * 50_000_000}, compression=zipfile.ZIP_DEFLATED)
    matryoshka = CODE
    for _ in range(8):
        name = "solution.py" if matryoshka == CODE else "solution.zip"
        matryoshka = zipped({name: matryoshka})
    wide = zipped({f"{i}.zip": zipped({"a.zip": zipped({"x.py": ""})}) for i in range(30)})
    files = {"bomb.zip": bomb, "deep.zip": matryoshka, "wide.zip": wide, "anna.py": CODE}
    found = by_name(write(class_folder, files))
    assert "more than 1,000,000 bytes" in found["bomb"].unreadable
    assert "one zip too many" in found["deep"].unreadable
    assert any("one zip too many" in note for note in found["wide"].notes)
    assert found["anna"].unreadable is None


def test_an_encrypted_or_strangely_compressed_file_is_said(class_folder):
    plain = zipped({"solution.py": CODE})
    flagged = bytearray(plain)
    flagged[plain.index(b"PK\x01\x02") + 8] |= 1
    lzma = zipped({"solution.py": CODE}, compression=zipfile.ZIP_LZMA)
    found = by_name(write(class_folder, {"anna.zip": bytes(flagged), "ben.zip": lzma}))
    assert "encrypted" in found["anna"].unreadable
    assert "unusual way" in found["ben"].unreadable


class OddlyNamed(zipfile.ZipInfo):
    """Of any name, which zipfile would refuse to write."""

    def is_dir(self):
        return False


@pytest.mark.parametrize("name", ["", ".", "./", "/", "//"])
def test_a_member_of_a_zip_without_a_name_harms_nobody(class_folder, name):
    odd = zipped({OddlyNamed(name): "x = 1\n", "solution.py": CODE})
    found = by_name(write(class_folder, {"anna.zip": odd, "ben.py": CODE}))
    assert found["ben"].files == {"solution": CODE}
    assert found["anna"].files == {"solution": CODE}


def test_damaged_zips_give_a_sentence(class_folder):
    whole = zipped({"solution.py": CODE * 50}, compression=zipfile.ZIP_DEFLATED)
    files = {"anna.py": CODE}
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0x5A
        files[f"{place}.zip"] = bytes(damaged)
    for one in read_class(write(class_folder, files), ONE, SAY):
        assert one.unreadable or one.files["solution"]


def test_names_that_are_not_utf8_stay_apart(class_folder):
    for name in (b"caf\xe9.py", b"caf\xe8.py", "café.py".encode()):
        (class_folder / os.fsdecode(name)).write_text(CODE)
    names = set(by_name(class_folder))
    assert names == {"caf\\xe9", "caf\\xe8", "café"}
    assert all(name.encode() for name in names)


@pytest.mark.parametrize(
    ("data", "noted"),
    [
        ("s = 'é'\n".encode(), False),
        ("\ufeffs = 'é'\r\n".encode(), False),
        ("# -*- coding: latin-1 -*-\ns = 'é'\n".encode("latin-1"), False),
        ("s = 'é'\n".encode("cp1252"), True),
        ("s = 'é'\n".encode("utf-16"), True),
        (b"# coding: zip\ns = '\xe9'\n", True),
        (b"# coding: utf-7\ns = '\xe9'\n", True),
    ],
)
def test_other_encodings_are_read_and_said(class_folder, data, noted):
    (class_folder / "anna.py").write_bytes(data)
    anna = by_name(class_folder)["anna"]
    assert "s = 'é'\n" in anna.files["solution"]
    assert bool(anna.notes) == noted


def test_a_path_without_submissions_is_refused(class_folder):
    with pytest.raises(UserError, match="there is no submission in"):
        read_class(class_folder, ONE, SAY)
    with pytest.raises(UserError, match="there is no "):
        read_class(class_folder / "nowhere", ONE, SAY)


def test_the_reasons_are_said_in_french(class_folder):
    write(class_folder, {"anna.pdf": b"%PDF-1.7"})
    (anna,) = read_class(class_folder, ONE, translator("fr"))
    assert anna.unreadable.startswith("anna.pdf est un document PDF")
