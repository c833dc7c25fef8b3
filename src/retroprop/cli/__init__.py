"""The command line: parse, call one function, print.

Commands are imported when they are called, so that the light ones answer at once. Whatever goes
wrong ends in one sentence on standard error: exit code 2 for something the person can fix, 130
after Ctrl-C.
"""

import sys
from collections.abc import Sequence

import cyclopts
from rich.console import Console

from retroprop import __version__
from retroprop.errors import Interrupted, UserError

app = cyclopts.App(
    name="retroprop",
    version=__version__,
    help="""A deep-learning laboratory: whole studies on real images, from data to report.

    Start with `retroprop run inf8225-logistic`, then `retroprop report inf8225-logistic`.
    """,
    help_format="markdown",
    help_epilogue="Every command explains itself: retroprop COMMAND --help",
)

_studies = cyclopts.Group("Studies", sort_key=1)
_data = cyclopts.Group("Data", sort_key=2)

for _name, _function in {
    "run": "run",
    "studies": "studies",
    "runs": "runs",
    "show": "show",
    "compare": "compare",
}.items():
    app.command(f"retroprop.cli.studies:{_function}", name=_name, group=_studies)
app.command("retroprop.cli.report:report", name="report", group=_studies)

data_app = cyclopts.App(
    name="data", help="List, fetch, verify and look at the data sets.", group=_data
)
data_app.command("retroprop.cli.data:list_datasets", name="list")
data_app.command("retroprop.cli.data:fetch", name="fetch")
data_app.command("retroprop.cli.data:verify", name="verify")
data_app.command("retroprop.cli.data:show", name="show")
app.command(data_app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0, or 2 with one sentence, or 130 after Ctrl-C."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except cyclopts.CycloptsError as error:
        console.print(f"retroprop: {_plain(str(error))}", markup=False, style="bold red")
        console.print("retroprop COMMAND --help explains each command.", markup=False)
        sys.exit(2)
    except UserError as error:
        console.print(f"retroprop: {error}", markup=False, style="bold red")
        sys.exit(2)
    except Interrupted as stopped:
        console.print(str(stopped), markup=False)
        sys.exit(130)
    except KeyboardInterrupt:
        console.print("retroprop: stopped.", markup=False)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output left: `retroprop runs | head`
        sys.stderr.close()
        sys.exit(0)


def _plain(text: str) -> str:
    return " ".join(text.split())
