"""A lab of two questions, for tests of what is written about grading: nothing runs here."""

from retroprop.grading.checks import Check, Finding, LabGrading, Mistake, Question, Remark
from retroprop.grading.results import Evidence, QuestionResult, Sheet, Trouble, check_result
from retroprop.grading.submissions import Submission

SUM = Mistake(name="sum", sentence="the squares are summed", switches={"sum": True})
LOG = Mistake(name="log", sentence="the logarithm is missing", switches={"log": False})
TENSOR = Remark(name="tensor", sentence="a tensor of one number", applies=lambda *_: True)


def check(name, share, **options):
    return Check(name=name, share=share, probe="p", inputs=dict, reference=lambda *_: 1, **options)


GRADING = LabGrading(
    lab="small",
    files=("solution",),
    probes="",
    questions=(
        Question(
            number="1",
            name="the norm",
            points=3,
            checks=(
                check("a vector", 0.5, public=True, mistakes=(SUM,), remarks=(TENSOR,)),
                check("a matrix", 0.5, mistakes=(SUM, LOG), seconds=20.0),
            ),
        ),
        Question(number="2", name="the loss", points=7, checks=(check("one value", 1.0),)),
    ),
)

RIGHT = Finding(passed=True)


def wrong(*mistakes):
    sentence = "; and ".join(mistake.sentence for mistake in mistakes) or "another number"
    return Finding(
        passed=False, sentence=sentence, mistakes=tuple(mistake.name for mistake in mistakes)
    )


def sheet(name="anna", findings=(RIGHT, RIGHT, RIGHT), *, raised=None, grading=GRADING, **options):
    """A sheet with these findings for the three checks; `raised` is what the last one raised."""
    found = list(findings)
    made = Sheet(submission=Submission(name=name, files={"solution": ""}), grading=grading)
    for question in grading.questions:
        results = []
        for one in question.checks:
            last = len(found) == 1
            results.append(
                check_result(
                    question, one, found.pop(0), seconds=0.01, raised=raised if last else None
                )
            )
        made.questions.append(QuestionResult(question=question, checks=results))
    made.finished = True
    for key, value in options.items():
        setattr(made, key, value)
    return made


CRASH = Trouble(
    type="ZeroDivisionError", message="division by zero", file="solution", line=7, text="1 / 0"
)
EVIDENCE = Evidence(sentence="uses autograd", file="solution", line=3, text="x.backward()")
