"""`retroprop bayes list | show | query | do | posteriors | mpe | draw | convert`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.padding import Padding
from rich.text import Text

from retroprop.cli.console import Terminal
from retroprop.cli.parameters import ReadersLanguage, WholeNumber
from retroprop.errors import UserError, in_short
from retroprop.files import replace_file
from retroprop.languages import reader_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retroprop.bayes import BayesNet, NamedTable
    from retroprop.bayes.files import Format

console = Terminal()

NetworkName = Annotated[str, Parameter(help="The name of a shipped network, or a file.")]
Words = Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())]
FormatName = Annotated[
    Literal["bif", "xmlbif", "uai", "json", "net", "xdsl"] | None,
    Parameter(name="--format", help="The format of the file, whatever its suffix says."),
]
Given = Annotated[
    Words,
    Parameter(
        help="What is observed, as VARIABLE=STATE; a state is its name or its position from 0."
    ),
]
Do = Annotated[Words, Parameter(help="What an intervention sets, as VARIABLE=STATE.")]
MOST_FORMULAS = 3
MOST_ROWS = 30  # of a printed table


def list_networks() -> None:
    """List the networks that ship with retroprop."""
    from retroprop.bayes.networks import NETWORKS, describe, property_of

    for name in NETWORKS:
        described = describe(name)
        what = f"{len(described.states)} variables. {property_of(described, 'title')}."
        console.print(Text(f"{name:<15}{what}"), soft_wrap=True)
        source = Text(property_of(described, "source"), style="dim")
        console.print(Padding(source, (0, 0, 0, 15), expand=False))
    _say()
    _say("Look at one:    retroprop bayes show NAME")
    _say("Or your own:    retroprop bayes show FILE.bif")
    _say("                (or .xmlbif .uai .json .net .xdsl, and .gz after any of them)")


def show(network: NetworkName, /, *, format: FormatName = None) -> None:
    """Show the variables, states, parents and tables of a network."""
    from retroprop.bayes.networks import NETWORKS, describe

    net = _load(network, format)
    if network in NETWORKS and format is None:
        for line in describe(network).properties:
            _say(line.replace(" = ", ": ", 1))
        _say()
    numbers = sum(table.size for table in net.tables.values())
    arrows = sum(map(len, net.parents.values()))
    _say(f"{len(net.variables):,} variables, {arrows:,} arrows, {numbers:,} probabilities")
    for name in net.variables:
        _say()
        console.print(Text(net.factor(name), style="bold"), soft_wrap=True)
        _print_table(net, name)


def query(
    network: NetworkName,
    /,
    *targets: str,
    given: Given = None,
    do: Do = None,
    ask: Annotated[str | None, Parameter(negative=())] = None,
    format: FormatName = None,
) -> None:
    """Answer a question about some variables of a network.

    Parameters
    ----------
    targets
        The variables to ask about; their joint probability if there are several.
    ask
        Instead of all this, a question in notation: "P(G | R=1, do(S=0))".
    """
    net = _load(network, format)
    if ask is not None:
        if targets or given or do:
            raise UserError("--ask is a whole question; leave the variables, --given and --do out.")
        _say(repr(net.ask(ask)))
        return
    if not targets:
        raise UserError(
            'name the variables to ask about, or write --ask "P(…)"; the network has '
            f"{_some(net.variables)}."
        )
    _say(repr(net.query(list(targets), given=_states(net, given), do=_states(net, do))))


def do(
    network: NetworkName,
    intervention: str,
    target: str,
    /,
    *,
    given: Words = None,
    format: FormatName = None,
) -> None:
    """Compare observing a state with setting it, side by side.

    Parameters
    ----------
    intervention
        What is observed, then set, as VARIABLE=STATE; several with commas.
    target
        The variable to ask about.
    given
        What is observed besides, as VARIABLE=STATE.
    """
    net = _load(network, format)
    fixed, known = _states(net, [intervention]), _states(net, given)
    answers = [
        net.query(target, given=known),
        net.query(target, given=known | fixed),
        net.query(target, given=known, do=fixed),
    ]
    _print_side_by_side(target, answers)
    _say()
    _say(_interpretation(net, target, list(fixed), answers), prose=True)
    if len(fixed) == 1 and not known:
        _print_formulas(net, next(iter(fixed)), target)


def posteriors(
    network: NetworkName,
    /,
    *,
    given: Given = None,
    do: Do = None,
    format: FormatName = None,
) -> None:
    """Print the probability of every state of every variable."""
    net = _load(network, format)
    seen, fixed = _states(net, given), _states(net, do)
    width = max(len(name) for name in net.variables)
    for name, answer in net.posteriors(given=seen, do=fixed).items():
        role = "observed" if name in seen else "do" if name in fixed else ""
        shares = "  ".join(
            f"{state} {probability:.6g}"
            for state, probability in zip(net.states[name], answer.values, strict=True)
        )
        console.print(
            Text.assemble(
                (f"{name:<{width}}  ", "bold"), shares, (f"  {role}" * bool(role), "cyan")
            ),
            soft_wrap=True,
        )


def mpe(
    network: NetworkName,
    /,
    *,
    given: Given = None,
    do: Do = None,
    format: FormatName = None,
) -> None:
    """Find the most probable joint state of all variables."""
    net = _load(network, format)
    _say(repr(net.mpe(given=_states(net, given), do=_states(net, do))))


def draw(
    network: NetworkName,
    /,
    *,
    given: Given = None,
    do: Do = None,
    around: Words = None,
    steps: WholeNumber = 1,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    lang: ReadersLanguage = None,
    theme: Literal["auto", "light", "dark"] = "auto",
    format: FormatName = None,
) -> None:
    """Draw a network with the probabilities of all variables, as SVG.

    Parameters
    ----------
    around
        Of a large network, only these variables and those near them.
    steps
        How many arrows away from --around.
    output
        The file to write; by default the name of the network with .svg.
    lang
        The language of the words in the drawing: en or fr. Default: the reader's.
    theme
        auto follows the reader's setting; light and dark are fixed.
    """
    from retroprop.figures.bayes_network import draw_network

    net = _load(network, format)
    drawing = draw_network(
        net,
        given=_states(net, given),
        do=_states(net, do),
        around=around or (),
        steps=steps,
        language=lang or reader_language(),
        theme=theme,
    )
    path = output or Path(Path(network).name.split(".")[0] + ".svg")
    try:
        replace_file(path, drawing.encode())
    except OSError as error:
        raise UserError(
            f"the drawing {path} cannot be written: {in_short(error)}; name another place "
            "with --output."
        ) from None
    _say(f"Wrote {path}")


def convert(network: NetworkName, output: Path, /, *, format: FormatName = None) -> None:
    """Write a network in another format, which the suffix names.

    Parameters
    ----------
    output
        The file to write: .bif, .xmlbif, .uai, .json, .net or .xdsl, and .gz after it to
        compress.
    """
    from retroprop.bayes.networks import NETWORKS, describe

    net = _load(network, format)
    known = describe(network) if network in NETWORKS and format is None else None
    name = known.name if known else Path(network).name.split(".")[0]
    net.write(output, name=name, properties=known.properties if known else ())
    _say(f"Wrote {output}")


# --- what the person asked for --------------------------------------------------------------------


def _load(network: str, format: "Format | None") -> "BayesNet":
    """The network, and on standard error what its file may not have meant."""
    import warnings

    from retroprop.bayes.files import DoubtfulFile
    from retroprop.bayes.networks import load_or_read

    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always", DoubtfulFile)
        net = load_or_read(network, format)
    for doubt in doubts:
        Terminal(stderr=True, soft_wrap=True).print(f"retroprop: {doubt.message}", style="yellow")
    return net


def _states(net: "BayesNet", words: "Sequence[str] | None") -> dict[str, str]:
    """Each variable's state, by name."""
    from retroprop.bayes.notation import conditions

    return {name: net.states[name][state] for name, state in conditions(net, words or ()).items()}


def _some(names: "Sequence[str]") -> str:
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


# --- printing -------------------------------------------------------------------------------------


def _say(text: str = "", *, prose: bool = False) -> None:
    """Print lines; those of prose are broken between words where a terminal shows them."""
    console.print(text, soft_wrap=not (prose and console.is_terminal))


def _print_table(net: "BayesNet", name: str) -> None:
    """A row for each configuration of the parents, at most MOST_ROWS."""
    from itertools import islice, product

    from retroprop.bayes.table import in_columns

    parents, table = net.parents[name], net.tables[name]
    rows = table.reshape(-1, table.shape[-1])
    configurations = product(*(net.states[parent] for parent in parents))
    lines = [[*parents, *net.states[name]]]
    for states, row in islice(zip(configurations, rows, strict=True), MOST_ROWS):
        lines.append([*states, *(f"{value:.6g}" for value in row)])
    for line in in_columns(lines, len(parents)):
        _say(f"  {line}")
    if len(rows) > MOST_ROWS:
        _say(f"  … {len(rows) - MOST_ROWS:,} rows more")


def _print_side_by_side(target: str, answers: "Sequence[NamedTable]") -> None:
    from retroprop.bayes.table import in_columns

    lines = [[target, *(answer.title for answer in answers)]]
    for i, state in enumerate(answers[0].states[target]):
        lines.append([state, *(f"{answer.values[i]:.6g}" for answer in answers)])
    for line in in_columns(lines, 1):
        _say(line)


def _interpretation(
    net: "BayesNet", target: str, fixed: "Sequence[str]", answers: "Sequence[NamedTable]"
) -> str:
    """What the three answers say, in one or two sentences."""
    prior, observed, done = (answer.values for answer in answers)
    what = " and ".join(fixed)
    seeing, doing = (float(abs(one - prior).max()) for one in (observed, done))
    if seeing < 1e-12:
        first = f"Observing {what} tells nothing about {target}."
    else:
        first = f"Observing {what} moves {target} by up to {seeing:.3g}."
    if target not in net.descendants(list(fixed)):
        return f"{first} Setting it changes nothing: {target} is not among its effects."
    if float(abs(observed - done).max()) < 1e-12:
        return f"{first} Setting it does the same: nothing else ties the two together."
    return (
        f"{first} Setting it moves {target} by up to {doing:.3g}: the rest is not its effect, but "
        "what observing it tells of its causes."
    )


def _print_formulas(net: "BayesNet", x: str, y: str) -> None:
    """How one could know it from observations alone."""
    from itertools import islice

    from retroprop.bayes.identification import minimal_backdoor_sets
    from retroprop.report.identification import in_words

    if y not in net.descendants(x):
        return
    found = list(islice(minimal_backdoor_sets(net, x, y), MOST_FORMULAS + 1))
    if found:
        _say()
        _say("From observations alone:")
    for one in found[:MOST_FORMULAS]:
        _say(f"  {one.formula}")
        _say(f"    {in_words(one)}", prose=True)
    if len(found) > MOST_FORMULAS:
        _say("  … and by other back-door sets")
