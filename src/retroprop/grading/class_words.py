"""The words of the pages of a graded class, for their templates."""

from collections.abc import Sequence

from retroprop.languages import Say, say_later

LAYERS = {
    "limits": say_later("limits of the system"),
    "another user": say_later("another user"),
    "a root of its own": say_later("a root of its own"),
}
"""Of confinement, by the names that `confined` gives; the others are proper names."""
NAMESPACE = "namespace "


def layers_in_words(held: Sequence[str], say: Say) -> str:
    """The layers of confinement that held, as people read them."""
    named = [
        say(LAYERS[one]) if one in LAYERS else one for one in held if not one.startswith(NAMESPACE)
    ]
    kinds = [one.removeprefix(NAMESPACE) for one in held if one.startswith(NAMESPACE)]
    if kinds:
        named.append(say("namespaces ({kinds})").format(kinds=", ".join(kinds)))
    return ", ".join(named)


def words(say: Say) -> dict[str, str]:
    """By the names that the templates use."""
    return {
        "skip": say("Skip to the results"),
        "contents": say("Contents"),
        "class": say("The class"),
        "submissions": say("Submissions"),
        "submission": say("Submission"),
        "points": say("Points"),
        "mean": say("Mean"),
        "median": say("Median"),
        "unreadable": say("Unreadable"),
        "to_look_at": say("To look at by hand"),
        "why": say("Why"),
        "nothing_to_look_at": say("Nothing was found that needs a look."),
        "distribution": say("How many submissions have how many points"),
        "from_to": say("{low} to {high} points: {n}"),
        "questions": say("Question by question"),
        "question": say("Question"),
        "others": say("and {n} others"),
        "full": say("all points"),
        "some": say("some points"),
        "none": say("no points"),
        "shares": say("{full} have all points, {some} some, {none} none"),
        "mistakes": say("Mistakes, by how many made them"),
        "mistake": say("Mistake"),
        "how_many": say("How many"),
        "no_mistakes": say("No mistake was named."),
        "alike": say("Submissions that are alike"),
        "alike_note": say(
            "The part of the own code of one of the two that is in the other as well, whatever "
            "its names, comments and order; the template does not count. It shows where to look, "
            "and proves nothing."
        ),
        "nobody_alike": say("No two submissions share more than chance gives."),
        "and": say("and"),
        "passages": say("{n} passages side by side"),
        "passage": say("one passage side by side"),
        "more_lines": say("and {n} more lines"),
        "all_submissions": say("All submissions"),
        "of": say("{score} of {most}"),
        "right": say("passed"),
        "wrong": say("not passed"),
        "noted": say("passed, with a remark"),
        "hidden": say("hidden"),
        "hidden_note": say("A hidden check says what kind of mistake it met, and no more."),
        "by_hand": say("Graded by hand"),
        "not_yet": say("not graded yet"),
        "notes": say("Before you read on"),
        "evidence": say("Evidence, for which nothing was deducted"),
        "run": say("How it ran"),
        "held": say("Layers of confinement that held"),
        "processor": say("Processor time"),
        "memory": say("Memory"),
        "back": say("The whole class"),
    }
