"""Types of parameters that several commands share."""

from typing import Annotated, Any

from cyclopts import Parameter


def _whole_number(_: Any, tokens: Any) -> int:
    """Refuse 2.5 rather than take it for 2."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected a whole number, and got {text!r}.") from None


WholeNumber = Annotated[int, Parameter(converter=_whole_number)]
Flag = Annotated[bool, Parameter(negative=(), show_default=False)]
