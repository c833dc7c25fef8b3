"""Types of parameters that several commands share."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from retroprop.errors import UserError, in_short
from retroprop.languages import Language

if TYPE_CHECKING:
    from retroprop.models.catalog import ModelInfo, Option


def _whole_number(_: Any, tokens: Any) -> int:
    """Refuse 2.5 rather than take it for 2."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected a whole number, and got {in_short(text)}.") from None


WholeNumber = Annotated[int, Parameter(converter=_whole_number)]
ReadersLanguage = Annotated[Language | None, Parameter(negative=())]
"""--lang; where nobody gives it, retroprop.languages.reader_language."""
Database = Annotated[
    str, Parameter(name="--db", help="The records: a SQLite file or any SQLAlchemy URL.")
]
Size = Annotated[Literal["smoke", "laptop", "full"], Parameter(negative=())]
"""--size; where nobody gives it, `studies.study_text.USUAL_SIZE`."""
Flag = Annotated[bool, Parameter(negative=(), show_default=False)]


def usual_dataset(model: str) -> str:
    """What a network is trained on, and summed up for, where nobody names a data set.

    >>> usual_dataset("MLP_Mixer"), usual_dataset("mlp")
    ('cifar10-sample', 'fashion-mnist')
    """
    from retroprop.studies.kinds import KINDS

    letters = model.lower().replace("-", "").replace("_", "")
    colour = any(row.colour and kind.replace("-", "") == letters for kind, row in KINDS.items())
    return "cifar10-sample" if colour else "fashion-mnist"


def model_options(info: "ModelInfo", changes: Iterable[str]) -> "dict[str, Option]":
    """The options of a network that somebody gave as --set key=value.

    Raises:
        UserError: If one is not of that form, or not an option of this network.
    """
    from retroprop.models.catalog import read_option, written

    options: dict[str, Option] = {}
    for change in changes:
        key, equals, value = (part.strip() for part in change.partition("="))
        if not (key and equals and value):
            example = next(iter(info.options))
            raise UserError(
                f"--set {in_short(change)} is not key=value; write for example --set "
                f"{example}={written(info.options[example])}."
            )
        options[key] = read_option(info, key, value)
    return options
