"""What runs beside a submission in its confined process: it asks, and knows no answer.

A function takes the submission and values, and returns what is judged elsewhere. It imports
nothing of retroprop: it is sent as text.
"""


def result(submission, values):
    """What a function gives for its arguments."""
    given = getattr(submission.solution, values["function"])(*values["arguments"])
    return sorted(given) if isinstance(given, set | frozenset) else given


def results(submission, values):
    """What a function of one number gives for each, with the other arguments as they are."""
    function = getattr(submission.solution, values["function"])
    first, *others = values["arguments"]
    return [function(one, *others) for one in first]
