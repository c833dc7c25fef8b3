"""Passages that submissions share: what is found however it is dressed, and what is not."""

import random
import re
import time

import pytest
from tests.grading.solutions import ANNA, BEN, TEMPLATE

from retroprop.grading.similarity import GRAM, WINDOW, _hashes, _tokens_of, _winnowed, similar_pairs
from retroprop.grading.submissions import Submission

GIVEN = {"solution": TEMPLATE}


def submission(name, text, file="solution"):
    return Submission(name=name, files={file: text})


def shared(one, other):
    """What the two share, as a part; 0 where it is too little to be shown."""
    texts = [submission("one", one), submission("other", other)]
    return next((pair.shared for pair in similar_pairs(texts, GIVEN, least=0.0)), 0.0)


RENAMED = {
    **{"shifted": "z", "exps": "numerators", "clipped": "safe", "b1": "beta1", "b2": "beta2"},
    **{"m_hat": "mc", "v_hat": "vc", "best": "winner", "best_acc": "top", "running": "total_loss"},
    **{"inputs": "xb", "labels": "yb", "probs": "out", "guess": "chosen", "correct": "good"},
}


def renamed(text):
    return re.sub(r"\b\w+\b", lambda word: RENAMED.get(word[0], word[0]), text)


def moved(text):
    """The functions in another order, with comments and empty lines."""
    pieces = re.split(r"(?m)^(?=def |class )", text)
    pieces = [pieces[0], *reversed(pieces[1:])]
    return "\n\n# mine\n".join(pieces).replace(" = ", "  =  # so\\\n  ".replace("# so\\\n", " "))


# --- copies, and no copies ------------------------------------------------------------------------


def test_independent_solutions_share_next_to_nothing():
    assert shared(ANNA, BEN) < 0.05


def test_the_template_is_nobodys_own():
    assert similar_pairs([submission(n, TEMPLATE) for n in "ab"], GIVEN, least=0.0) == []


@pytest.mark.parametrize(
    "copy",
    [
        ANNA,
        renamed(ANNA),
        moved(ANNA),
        ANNA.replace("    ", "\t").replace("\n", "\n\n"),
        "'''My own work.\n\nReally.'''\n" + re.sub(r"(?m)$", "  # mine", ANNA),
        ANNA.replace("1e-12", "1e-9").replace("0.999", "0.9990"),
    ],
    ids=["copied", "renamed", "moved", "indented", "commented", "other numbers"],
)
def test_a_copy_is_found_however_it_is_dressed(copy):
    assert shared(ANNA, copy) > 0.7


def test_half_a_copy_is_about_a_half():
    at = ANNA.index("def train"), BEN.index("def train")
    half = ANNA[: at[0]] + BEN[at[1] :]
    assert 0.3 < shared(half, BEN) < 0.8
    assert shared(half, ANNA) > 0.3


def test_passages_are_the_lines_that_are_alike():
    start = BEN[: BEN.index("class")]
    copy = start + ANNA[ANNA.index("def train") :]
    (pair,) = similar_pairs([submission("anna", ANNA), submission("carl", copy)], GIVEN)
    longest = pair.passages[0]
    first = ANNA[: ANNA.index("best, best_acc = None")].count("\n") + 1
    assert longest.left_lines[0] in range(first - 2, first + 4)
    assert longest.left_lines[1] >= ANNA.count("\n") - 2
    left, right = (
        text.splitlines()[lines[0] - 1 : lines[1]]
        for text, lines in ((ANNA, longest.left_lines), (copy, longest.right_lines))
    )
    assert left == right


def test_files_that_are_split_otherwise_are_compared_whole():
    at = ANNA.index("class LinearModel")
    two = Submission(name="two", files={"model": ANNA[at:], "losses": ANNA[:at]})
    (pair,) = similar_pairs([submission("one", ANNA), two], GIVEN)
    assert pair.shared > 0.8
    assert {passage.right_file for passage in pair.passages} == {"model", "losses"}


def test_a_copy_that_most_of_a_class_has_is_a_copy():
    copies = [submission(f"copy {i}", renamed(ANNA) if i % 2 else ANNA) for i in range(7)]
    class_ = [*copies, submission("own", BEN)]
    class_ += [submission(f"other {i}", f"y = {i}\n" * 3) for i in range(4)]
    pairs = similar_pairs(class_, GIVEN)
    assert len(pairs) == 21
    assert min(pair.shared for pair in pairs) > 0.9
    assert {pair.left.name.split()[0] for pair in pairs} == {"copy"}


def test_what_most_of_a_class_has_is_nobodys_own():
    given_in_class = ANNA[ANNA.index("    def adam_update") : ANNA.index("def train")]
    independent = [
        submission(f"s{i}", f"class X{i}:\n{given_in_class}\n{_random_code(i)}") for i in range(12)
    ]
    assert similar_pairs(independent, GIVEN) == []
    assert similar_pairs(independent[:5], GIVEN, least=0.05)


@pytest.mark.parametrize(
    "text",
    ["", "x", "'" * 1000, '"""' + "a" * 1000, "(" * 5000, "\\", "\0\udce9", "é = 1\n" * 3000,
     "def f(:\n  '''\n" + ANNA],
)  # fmt: skip
def test_no_text_is_refused(text):
    similar_pairs([submission("a", text), submission("b", ANNA), submission("c", text)], GIVEN)


def test_the_most_alike_come_first_whatever_the_order():
    class_ = [submission("anna", ANNA), submission("ben", BEN), submission("copy", renamed(ANNA))]
    class_.append(submission("half", ANNA[: ANNA.index("def train")] + BEN[BEN.index("def acc") :]))
    found = [{pair.left.name, pair.right.name} for pair in similar_pairs(class_, GIVEN)]
    assert found[0] == {"anna", "copy"}
    backwards = similar_pairs(class_[::-1], GIVEN)
    assert {backwards[0].left.name, backwards[0].right.name} == {"anna", "copy"}
    assert {"anna", "ben"} not in found


def test_the_part_is_that_of_all_shared_grams_but_what_the_windows_leave_out():
    """copydetect's measure: tokens in shared fingerprints; with every gram it is an upper bound."""
    at = ANNA.index("def train"), BEN.index("def accuracy_on")
    half = ANNA[: at[0]] + BEN[at[1] :]
    kinds = [[kind for kind, _ in _tokens_of(text, frozenset())] for text in (half, BEN)]
    grams = [{tuple(one[i : i + GRAM]) for i in range(len(one) - GRAM + 1)} for one in kinds]
    covered = {
        j
        for i in range(len(kinds[1]) - GRAM + 1)
        if tuple(kinds[1][i : i + GRAM]) in grams[0]
        for j in range(i, i + GRAM)
    }
    (pair,) = similar_pairs([submission("half", half), submission("ben", BEN)], {})
    of_ben = len(covered) / len(kinds[1])
    assert of_ben - 0.1 <= pair.shared <= max(of_ben, len(covered) / len(kinds[0])) + 0.1


# --- the promise of winnowing ---------------------------------------------------------------------


def test_of_every_window_the_smallest_hash_is_kept():
    draw = random.Random(0)
    for length in (0, 1, 5, WINDOW, WINDOW + 1, 200):
        hashes = [draw.randrange(40) for _ in range(length)]
        chosen = set(_winnowed(hashes))
        windows = [
            range(i, min(i + WINDOW, length)) for i in range(max(1, length - WINDOW + 1)) if length
        ]
        by_definition = {min(w, key=lambda place: (hashes[place], -place)) for w in windows}
        assert chosen == by_definition


@pytest.mark.parametrize("seed", range(20))
def test_a_run_of_both_lengths_is_always_found_and_a_shorter_one_never(seed):
    draw = random.Random(seed)
    left, right = ([f"{side}{draw.random()}" for _ in range(80)] for side in "lr")
    for length, found in ((GRAM + WINDOW - 1, True), (GRAM - 1, False)):
        run = [f"s{draw.random()}" for _ in range(length)]
        prints = []
        for other in (left, right):
            at = draw.randrange(80)
            hashes = _hashes(other[:at] + run + other[at:])
            prints.append({hashes[place] for place in _winnowed(hashes)})
        assert bool(prints[0] & prints[1]) == found


def test_a_class_of_a_hundred_is_compared_in_little_time():
    texts = [_random_code(i, lines=150) for i in range(100)]
    texts[17] = renamed(texts[3])
    began = time.process_time()
    pairs = similar_pairs([submission(f"s{i}", text) for i, text in enumerate(texts)], GIVEN)
    assert time.process_time() - began < 10  # of the processor; 0.5 s where it was measured
    assert [(pair.left.name, pair.right.name) for pair in pairs] == [("s3", "s17")]


def _random_code(seed, lines=40):
    draw = random.Random(seed)
    forms = ("{} = {} + {}", "{} = f({}, {})", "{}[{}] = {}", "if {} > {}: {} = 0", "{}.{}({})")
    forms += ("for {} in {}: g({})", "{} = {} @ {}.T", "return {} - {} * {}", "{} = [{}, {}]")
    return "\n".join(
        draw.choice(forms).format(*(draw.choice("abcdefgh") for _ in range(3)))
        for _ in range(lines)
    )
