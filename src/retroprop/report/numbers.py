"""Numbers as a reader of English or French expects them: 97.8% or 97,8 %.

Display only: everywhere else accuracies are fractions and times are seconds. French follows the
usage of the Office québécois de la langue française and of the Imprimerie nationale: a decimal
comma, and a narrow no-break space before the per-cent sign and between groups of three digits.
"""

import math
from dataclasses import dataclass
from typing import Any

NARROW = "\u202f"  # narrow no-break space
NO_BREAK = "\u00a0"
MINUS = "\u2212"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NAMES = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "adagrad": "Adagrad",
    "relu": "ReLU",
    "gelu": "GELU",
    "fashion-mnist": "Fashion-MNIST",
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
}


@dataclass(frozen=True)
class Numbers:
    """Formats numbers in one language ("en" or "fr").

    >>> Numbers("en").percent(0.8572, 0.0012).replace(NO_BREAK, " ")
    '85.72 ± 0.12%'
    >>> Numbers("fr").percent(0.978, digits=1).replace(NARROW, " ")
    '97,8 %'
    """

    language: str

    def decimal(self, value: float, digits: int = 2, deviation: float | None = None) -> str:
        """A number with a fixed count of decimals, with its deviation when there is one."""
        text = f"{value:,.{digits}f}".replace("-", MINUS)
        if deviation is not None:
            text += f" ± {deviation:,.{digits}f}"
        if self.language == "fr":
            text = text.replace(",", NARROW).replace(".", ",")
        return text.replace(" ", NO_BREAK)

    def share(self, fraction: float, deviation: float | None = None, digits: int = 2) -> str:
        """A fraction in per cent without the sign, for a table whose caption says per cent."""
        scaled = None if deviation is None else 100 * deviation
        return self.decimal(100 * fraction, digits, scaled)

    def percent(self, fraction: float, deviation: float | None = None, digits: int = 2) -> str:
        """A fraction in per cent with the sign."""
        sign = NARROW + "%" if self.language == "fr" else "%"
        return self.share(fraction, deviation, digits) + sign

    def integer(self, value: float) -> str:
        """A whole number with its groups of three digits."""
        return self.decimal(value, 0)

    def significant(self, value: float, deviation: float | None = None) -> str:
        """A measured time or rate with three significant digits (more above 1000).

        >>> Numbers("en").significant(0.012345), Numbers("en").significant(12345.6)
        ('0.0123', '12,346')
        """
        digits = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
        return self.decimal(value, digits, deviation)

    def power_of_ten(self, value: float) -> str:
        """A number with two digits and a power of ten, as an error of rounding; 0 stays 0.

        >>> Numbers("fr").power_of_ten(2.22e-16).replace(NO_BREAK, " ")
        '2,2 × 10⁻¹⁶'
        >>> Numbers("en").power_of_ten(0.0)
        '0'
        """
        if value == 0 or not math.isfinite(value):
            return "0" if value == 0 else str(value)
        mantissa, exponent = f"{value:.1e}".split("e")
        power = str(int(exponent)).translate(SUPERSCRIPTS)
        return f"{self.decimal(float(mantissa), 1)} × 10{power}".replace(" ", NO_BREAK)

    def duration(self, seconds: float) -> str:
        """Seconds as people say them.

        >>> [Numbers("en").duration(s).replace(NO_BREAK, " ") for s in (4.21, 61, 3723)]
        ['4.2 s', '1 min 01 s', '1 h 02 min']
        """
        whole = round(seconds)
        if whole < 60:
            text = f"{self.decimal(seconds, 1)} s"
        elif whole < 3600:
            text = f"{whole // 60} min {whole % 60:02d} s"
        else:
            text = f"{whole // 3600} h {whole % 3600 // 60:02d} min"
        return text.replace(" ", NO_BREAK)

    def setting(self, value: Any) -> str:
        """A setting as the study file has it: 0.001 stays 0.001 (in French 0,001).

        >>> Numbers("en").setting(1e-05), Numbers("fr").setting(0.1), Numbers("en").setting("sgd")
        ('1e-5', '0,1', 'SGD')
        """
        if isinstance(value, str):
            return NAMES.get(value, value)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, float):
            text = repr(value).replace("e-0", "e-").replace("e+0", "e")
            return text.replace(".", ",") if self.language == "fr" else text
        if isinstance(value, list | tuple):
            return " × ".join(self.setting(item) for item in value)
        return str(value)
