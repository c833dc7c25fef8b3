"""The formulas of back-door and front-door sets in a sentence, for those who do not read them."""

from retroprop.bayes.identification import AdjustmentSet
from retroprop.languages import translator


def in_words(found: AdjustmentSet, language: str = "en") -> str:
    """What an observer compares to know of the intervention, in English ("en") or French ("fr").

    Raises:
        UserError: For another language.
    """
    say = translator(language)
    if not found.variables:
        text = say(
            "No path enters {x} on the way to {y}, so observing {x} is as good as setting it."
        )
    elif found.kind == "back-door":
        text = say(
            "Compare cases with the same {names}, then average over how often these occur: knowing "
            "{names} blocks every path that enters {x} on the way to {y}."
        )
    else:
        text = say(
            "Chain two effects, that of {x} on {names} and that of {names} on {y}: all influence "
            "of {x} on {y} passes through {names}, and {x} blocks what else ties {names} to {y}."
        )
    *first, last = found.variables or ("",)
    names = say("{first} and {last}").format(first=", ".join(first), last=last) if first else last
    return text.format(x=found.treatment, y=found.outcome, names=names)
