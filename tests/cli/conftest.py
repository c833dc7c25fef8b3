"""The command line, called in this process."""

import pytest

from retroprop import cli


@pytest.fixture
def call(capsys):
    """Call the command line in this process: its exit code, standard output and error."""

    def run(*arguments):
        capsys.readouterr()
        try:
            cli.main(list(arguments))
            code = 0
        except SystemExit as exit:
            code = exit.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def refused(call):
    """Call it and expect one sentence on standard error and exit code 2."""

    def run(*arguments):
        code, out, err = call(*arguments)
        assert code == 2, (out, err)
        assert out == ""
        assert err.startswith("retroprop: ")
        assert "Traceback" not in err
        (sentence,) = err.strip().splitlines()
        assert sentence[-1] in ".?)…", sentence
        return sentence.removeprefix("retroprop: ")

    return run
