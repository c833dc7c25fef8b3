"""What is mistaken for an accuracy, in whatever lab: switches of its reference."""

from retroprop.grading.checks import Mistake
from retroprop.languages import say_later

OVER_BATCH = Mistake(
    name="argmax over the batch",
    sentence=say_later("the largest output is sought over the batch: the classes are dim=1"),
    switches={"counted": "batch axis"},
)
ACCURACIES = (
    Mistake(
        name="accuracy in percent",
        sentence=say_later("the accuracy is in percent: a fraction is wanted"),
        switches={"counted": "percent"},
    ),
    Mistake(
        name="accuracy as a count",
        sentence=say_later("the accuracy is a count: divide it by the number of examples"),
        switches={"counted": "count"},
    ),
    Mistake(
        name="error rate",
        sentence=say_later("it is the error rate, 1 − accuracy"),
        switches={"counted": "errors"},
    ),
    OVER_BATCH,
    Mistake(
        name="accuracy over single outputs",
        sentence=say_later(
            "every output is compared with its label by itself: compare the most probable classes"
        ),
        switches={"counted": "elements"},
    ),
)
