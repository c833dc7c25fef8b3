"""The command line: parse, call one function, print.

Commands are imported when they are called, so that the light ones answer at once. Whatever goes
wrong ends in one sentence on standard error: exit code 2 for something the person can fix, 1 for
what the system refuses, such as a full disk, 130 after Ctrl-C. A reader that leaves before the end
(`| head`) is no error.
"""

import sys
from collections.abc import Sequence
from typing import Any, Literal, NoReturn

import cyclopts

from retroprop import __version__
from retroprop.cli.console import (
    Terminal,
    discard,
    flush_output,
    prepare_streams,
    progress_shown,
    warnings_as_sentences,
)
from retroprop.cli.grade import grade
from retroprop.cli.help_formatter import HelpFormatter
from retroprop.cli.help_texts import (
    BAYES,
    CALCULATE,
    COMPLETION,
    DATA,
    GRADE,
    LAB,
    MODELS,
    PROOF,
    RECORDS,
    STUDIES,
)
from retroprop.errors import Interrupted, UserError, cannot_be_used, in_short
from retroprop.languages import reader_language, say_later, translator

EPILOGUE = say_later("Every command explains itself: retroprop COMMAND --help")

REFUSED, WRONG_INPUT, STOPPED = 1, 2, 130
"""Exit codes."""
LONGEST_LINE = 300
"""Characters of a sentence about an option, whatever somebody typed."""

app = cyclopts.App(
    name="retroprop",
    version=__version__,
    help="""A deep-learning laboratory: whole studies on real images, from data to report.

    Start with `retroprop run inf8225-logistic`, then `retroprop report inf8225-logistic`.

    Help and reports are in English or French: your locale decides, or RETROPROP_LANGUAGE=en or fr.
    """,
    help_format="markdown",
    help_epilogue=EPILOGUE,
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # `cli.main` says a sentence, where cyclopts is silent
)
app.help_formatter = HelpFormatter(app)
app["--help"].help = say_later("Display this message and exit.")
app["--version"].help = say_later("Display application version.")

_labs = cyclopts.Group("Assignments", sort_key=1)
_studies = cyclopts.Group("Studies", sort_key=2)
_models = cyclopts.Group("Models", sort_key=3)
_data = cyclopts.Group("Data", sort_key=4)
_bayes = cyclopts.Group("Bayesian networks", sort_key=5)
_proof = cyclopts.Group("Proof", sort_key=6)
_calculate = cyclopts.Group("Calculate", sort_key=7)

lab_app = cyclopts.App(
    name="lab", help="Run a whole assignment, and write its document.", group=_labs
)
for _name, _function in {"list": "list_labs", "run": "run", "report": "report"}.items():
    lab_app.command(f"retroprop.cli.lab:{_function}", name=_name, help=LAB[_name])
app.command(lab_app)

grade_app = cyclopts.App(name="grade", help=GRADE["grade"], group=_labs)
grade_app.default(grade)
for _name in ("rubric", "selftest", "pack"):
    grade_app.command(f"retroprop.cli.grade:{_name}", name=_name, help=GRADE[_name])
app.command(grade_app)
app.command("retroprop.cli.check:check", name="check", group=_labs, help=GRADE["check"])

for _name, _module in {
    "run": "studies",
    "report": "report",
    "runs": "studies",
    "show": "studies",
    "compare": "studies",
}.items():
    app.command(
        f"retroprop.cli.{_module}:{_name}",
        name=_name,
        group=_studies,
        help=STUDIES[_name],
    )

studies_app = cyclopts.App(name="studies", help=STUDIES["studies"], group=_studies)
for _name, _function in {"show": "studies:show_study", "keys": "study_keys:keys"}.items():
    studies_app.command(f"retroprop.cli.{_function}", name=_name, help=STUDIES[f"studies {_name}"])
app.command(studies_app)


@studies_app.default
def _list_studies() -> None:
    from retroprop.cli.studies import studies

    studies()


records_app = cyclopts.App(name="records", help=RECORDS["records"], group=_studies)
for _name, _function in {"export": "export", "import": "import_", "delete": "delete"}.items():
    records_app.command(f"retroprop.cli.records:{_function}", name=_name, help=RECORDS[_name])
app.command(records_app)

for _name, _function in {
    "train": "training:train",
    "evaluate": "trained:evaluate",
    "predict": "trained:predict",
    "lr-find": "training:lr_find",
    "export": "trained:export",
    "summary": "summary:summary",
}.items():
    app.command(f"retroprop.cli.{_function}", name=_name, group=_models, help=MODELS[_name])

data_app = cyclopts.App(
    name="data", help="List, fetch, verify and look at the data sets.", group=_data
)
for _name, _function in {
    "list": "list_datasets",
    "fetch": "fetch",
    "verify": "verify",
    "show": "show",
}.items():
    data_app.command(f"retroprop.cli.data:{_function}", name=_name, help=DATA[_name])
app.command(data_app)

bayes_app = cyclopts.App(
    name="bayes", help="Ask, intervene in, draw and convert Bayesian networks.", group=_bayes
)
for _name, _text in BAYES.items():
    _function = "list_networks" if _name == "list" else _name
    bayes_app.command(f"retroprop.cli.bayes:{_function}", name=_name, help=_text)
app.command(bayes_app)
for _name in PROOF:
    app.command(f"retroprop.cli.{_name}:{_name}", name=_name, group=_proof, help=PROOF[_name])
for _name in CALCULATE:
    app.command(
        f"retroprop.cli.{_name}:{_name}", name=_name, group=_calculate, help=CALCULATE[_name]
    )


@app.command(help=COMPLETION)
def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print what makes a shell complete retroprop's commands and options.

    Args:
        shell: bash, zsh or fish.
    """
    sys.stdout.write(app.generate_completion(shell=shell))


def run(arguments: Sequence[str] | None) -> NoReturn:
    """Run one command and exit: 0; 2 or 1 with one sentence; 130 after Ctrl-C."""
    prepare_streams()
    with warnings_as_sentences(), progress_shown():
        code, sentence = _outcome(arguments)
    if sentence:
        style = "" if code == STOPPED else "bold red"
        try:
            Terminal(stderr=True, soft_wrap=True).print(sentence, style=style)
        except OSError:  # nobody reads it
            discard(sys.stderr)
    sys.exit(code)


def _outcome(arguments: Sequence[str] | None) -> tuple[int, str]:
    """Run one command; its exit code, and what is to be said of it."""
    try:
        app.help_epilogue = translator(reader_language())(EPILOGUE)
        try:
            app(arguments, console=Terminal(), exit_on_error=False, print_error=False)
        finally:
            flush_output()
    except cyclopts.CycloptsError as error:
        chain = " ".join(("retroprop", *(error.command_chain or ["COMMAND"])))
        said = _wrong_option(error) or in_short(error, LONGEST_LINE)
        return WRONG_INPUT, f"retroprop: {said} {chain} --help explains it."
    except UserError as error:
        return WRONG_INPUT, f"retroprop: {error}"
    except Interrupted as stopped:
        return STOPPED, str(stopped)
    except BrokenPipeError:  # the reader of our output left: `retroprop runs | head`
        discard(sys.stdout)
    except OSError as error:
        return REFUSED, f"retroprop: {_refusal(error)}"
    except MemoryError:
        return REFUSED, "retroprop: there is not enough memory for this; ask for something smaller."
    return 0, ""


_KINDS: dict[Any, str] = {bool: "yes or no", int: "a whole number", float: "a number"}


def _wrong_option(error: cyclopts.CycloptsError) -> str:
    """What is wrong with the words of a command, where the library has no sentence for people."""
    match error:
        case cyclopts.UnusedCliTokensError(unused_tokens=[first, *_]):
            return f"{in_short(first)} is one argument too many."
        case cyclopts.RepeatArgumentError(token=token):
            return f"{token.keyword} is given twice; give it once."
        case cyclopts.MissingArgumentError() if error.argument and "Did you" not in str(error):
            name = error.keyword or next(
                (one.keyword for one in error.argument.tokens if one.keyword), error.argument.name
            )
            return f"{name} needs a value." if name.startswith("-") else f"{name} is missing."
        case cyclopts.CoercionError(msg=None, token=token) if error.target_type in _KINDS and token:
            name = token.keyword or (error.argument.name if error.argument else "the value")
            return f"{name} must be {_KINDS[error.target_type]}, and got {in_short(token.value)}."
    return ""


def _refusal(error: OSError) -> str:
    """The sentence about something that the system refused: most often, a full disk."""
    try:
        flush_output()
    except OSError:
        discard(sys.stdout)
    if error.filename is None:  # of a file that is open, as standard output is
        reason = in_short(error)
        return f"the output cannot be written ({reason}); send it to a place that has room."
    return cannot_be_used(error)
