"""`retroprop studies keys`: what a study file may say."""

from rich.table import Table
from rich.text import Text

from retroprop.cli.console import Terminal
from retroprop.studies.keys import Key, find_keys, key_tables
from retroprop.studies.kinds import KINDS

console = Terminal()


def keys(key: str | None = None, /) -> None:
    """Print the keys of a study file: what each may be, its default, its meaning.

    Parameters
    ----------
    key
        One key, such as learning_rate, or a table, such as split. Default: all, a line for each.
    """
    if key is not None:
        for one in find_keys(key):
            _explain(one)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("key", no_wrap=True)
    for name in ("value", "default"):
        table.add_column(name, overflow="fold")
    for of in key_tables():
        if of.of_settings:
            table.add_row(f"{of.name}.…", Text("of each setting of training, and derivation"), "")
            continue
        for one in of.keys:
            default = "must be there" if one.default is None else one.default
            table.add_row(one.name, Text(one.type), Text(default))
    console.print_table(table)
    console.print("\nWhat one means:  retroprop studies keys KEY", soft_wrap=True)


def _explain(key: Key) -> None:
    default = "must be there" if key.default is None else f"default: {key.default}"
    console.print(Text.assemble((key.name, "bold"), f": {key.type}; {default}"), soft_wrap=True)
    console.print(Text(f"    {key.meaning}"), soft_wrap=True)
    if len(key.kinds) < len(KINDS):
        console.print(Text(f"    Of models of kind {', '.join(key.kinds)}."), soft_wrap=True)
