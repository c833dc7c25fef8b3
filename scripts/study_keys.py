"""Write docs/study_keys.md, the reference of all keys of a study file, from the schema.

    python scripts/study_keys.py

A test fails where the page is not what this writes.
"""

from pathlib import Path

from retroprop.studies.keys import Key, KeyTable, key_tables
from retroprop.studies.kinds import KINDS

PAGE = Path(__file__).parents[1] / "docs" / "study_keys.md"

HEAD = """\
# All keys of a study file

Made from the schema by `scripts/study_keys.py`. `retroprop studies keys` prints the same, and
`retroprop studies keys learning_rate` one key.

A study file is written in TOML. `retroprop studies show NAME` prints one that ships, to begin your
own, and [a page](contributing/study.md) explains one. Only `name`, `title`, `dataset`, `epochs`,
`seeds` and one setting that is varied must be there. Unknown keys are refused, and nothing is
converted: `"3"` is no number. `--set training.batch_size=20` changes a key for once.
"""

SIZES = """
## `[sizes.laptop]`, `[sizes.smoke]`

What changes with `--size laptop`, which is the default, or `--size smoke`: any of the keys above.
Tables are merged with those above, and everything else is replaced. A file that does not say has
one epoch of 1,000 images and its first seed as its smoke size, and is whole at laptop size.
"""


def page() -> str:
    """The page as it should be."""
    return HEAD + "".join(map(section, key_tables())) + SIZES


def section(table: KeyTable) -> str:
    """The part of the page on one table."""
    if not table.keys:
        return ""
    title = f"`[[{table.name}]]`" if table.many else f"`[{table.name}]`"
    title = title if table.name else "The file itself"
    text = f"\n## {title}\n\n" + (f"{table.meaning}\n\n" if table.name else "")
    if table.of_settings:
        names = ", ".join(f"`{short(key)}`" for key in table.keys)
        return f"{text}Each setting of `[training]`, and the derivation: {names}.\n"
    rows = "\n".join(row(key) for key in table.keys)
    kinds = any(len(key.kinds) < len(KINDS) for key in table.keys)
    columns = ["key", "value", "default", "meaning"] + ["kinds of models"] * kinds
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"
    if not kinds:
        rows = "\n".join(line.rpartition(" | ")[0] + " |" for line in rows.splitlines())
    return f"{text}{head}{rows}\n"


def short(key: Key) -> str:
    """The name of a key inside its table."""
    return key.name.rpartition(".")[2]


def row(key: Key) -> str:
    """One line of a table."""
    default = "must be there" if key.default is None else key.default
    kinds = "all" if len(key.kinds) == len(KINDS) else ", ".join(key.kinds)
    cells = [f"`{short(key)}`", key.type, default, key.meaning, kinds]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
