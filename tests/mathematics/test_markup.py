"""Formulas as MathML for pages and as LaTeX for notebooks."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from retroprop.labs.ift3395_theorie.sheet import SHEET
from retroprop.languages import translator
from retroprop.mathematics.drawing import round_letter, sign_text
from retroprop.mathematics.latex import latex
from retroprop.mathematics.mathml import mathml
from retroprop.mathematics.notation import (
    CALLS,
    SYMBOLS,
    WORDS,
    Call,
    Group,
    Lines,
    Row,
    Script,
    Sign,
    parse,
)
from retroprop.mathematics.prose import spans
from retroprop.mathematics.spacing import with_prime

SIGNS = {"Σ": "∑", "ᵀ": "⊤", "*": "∗", "argmax": "arg max", "argmin": "arg min"}
FENCES = {"norm": "‖‖", "abs": "||", "floor": "⌊⌋", "ceil": "⌈⌉"}
ACCENTS = {"hat": "^", "tilde": "~", "bar": "¯", "overline": "‾"}


def every_formula_of_the_sheet():
    found = []
    for question in SHEET:
        found.append(question.answer)
        found += [step.formula for step in question.steps if step.formula]
        found += [formula for proof in question.proofs for formula in (proof.claim, proof.false)]
        texts = [question.task, question.hypotheses, question.remark]
        texts += [step.why for step in question.steps] + [one.scope for one in question.proofs]
        for english in filter(None, texts):
            both = (english, translator("fr")(english))
            found += [one.text for text in both for one in spans(text) if one.kind == "math"]
    return sorted(set(found))


FORMULAS = every_formula_of_the_sheet()
NAMES = [*SYMBOLS, *WORDS, "bone", "bx"]
NAMES += [f"{name}(a, b)" if n != 1 else f"{name}(a)" for name, n in CALLS.items()]


def written(node):
    """The characters of a tree in the order of its MathML."""
    match node:
        case Sign(text, kind):
            if kind == "space":
                return ""
            return sign_text(node) if kind == "bold" else SIGNS.get(text, text)
        case Row(items):
            return "".join(map(written, items))
        case Group(opening, body, closing):
            return opening + written(body) + closing
        case Script():
            script = with_prime(node)
            return "".join(written(one) for one in (script.base, script.low, script.high) if one)
        case Lines(rows):
            return "".join(written(cell) for row in rows for cell in row)
        case Call("underbrace", (body, label)):
            return written(body) + "⏟" + written(label)
        case Call("cases", (lines,)):
            return "{" + written(lines)
        case Call("mat", (lines,)):
            return f"({written(lines)})"
        case Call("cal", (Sign(text),)):
            return round_letter(text)
        case Call(name, (body,)) if name in FENCES:
            return FENCES[name][0] + written(body) + FENCES[name][1]
        case Call(name, arguments):
            return "".join(map(written, arguments)) + ACCENTS.get(name, "")


def balanced(text):
    """Whether the braces of LaTeX that group are balanced, and every \\left has its \\right."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text.replace(r"\\", "")):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0 and text.count(r"\left") - text.count(r"\leftarrow") == text.count(r"\right")


def test_the_sheet_has_formulas_enough_to_try():
    assert len(FORMULAS) > 150


def test_mathml_is_well_formed_and_says_what_the_tree_says():
    for source in [*FORMULAS, *NAMES]:
        math = ElementTree.fromstring(mathml(source, display=True, spoken='"<&'))
        assert math.attrib == {"display": "block", "alttext": '"<&'}
        assert len(math) == 1, source
        assert "".join(math.itertext()) == written(parse(source)), source


def test_latex_has_balanced_braces_and_nothing_that_markdown_would_read():
    for source in [*FORMULAS, *NAMES]:
        text = latex(source)
        assert text, source
        assert balanced(text), source
        assert not set("<>*$#") & set(text), source


def test_the_balance_of_braces_can_tip():
    assert not balanced(r"\frac{1}{2")
    assert not balanced(r"}{")
    assert not balanced(r"\left( x")
    assert balanced(r"\{ x")


def test_every_argument_of_mathml_is_one_element():
    counts = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2}
    counts |= {"msubsup": 3, "munderover": 3}
    for source in FORMULAS:
        for element in ElementTree.fromstring(mathml(source)).iter():
            assert len(element) == counts.get(element.tag, len(element)), source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x", "<mi>x</mi>"),
        ("12.5", "<mn>12.5</mn>"),
        ("bW", "<mi>𝐖</mi>"),
        ("x_i^2", "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>"),
        ("f'_i", "<msubsup><mi>f</mi><mi>i</mi><mo>′</mo></msubsup>"),
        ("sum_k x", "<mrow><munder><mo>∑</mo><mi>k</mi></munder><mi>x</mi></mrow>"),
        ("-x", '<mrow><mo form="prefix">−</mo><mi>x</mi></mrow>'),
        ("a - x", "<mrow><mi>a</mi><mo>−</mo><mi>x</mi></mrow>"),
        ("frac(1, 2)", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        ("y ln x", '<mrow><mi>y</mi>{}<mi>ln</mi>{}<mi>x</mi></mrow>'),
        ("cal(L)", "<mi>ℒ</mi>"),
        (
            "a slash b",
            '<mrow><mi>a</mi><mo lspace="0" rspace="0">/</mo><mi>b</mi></mrow>',
        ),
        ("hat(y)", '<mover accent="true"><mi>y</mi><mo stretchy="false">^</mo></mover>'),
        ('"a < b"', "<mtext>a &lt; b</mtext>"),
        ("(x)", '<mrow><mo stretchy="false">(</mo><mi>x</mi><mo stretchy="false">)</mo></mrow>'),
        (
            "(frac(1, 2))",
            "<mrow><mo>(</mo><mfrac><mn>1</mn><mn>2</mn></mfrac><mo>)</mo></mrow>",
        ),
    ],
)  # fmt: skip
def test_small_formulas_in_mathml(source, expected):
    gap = '<mspace width="0.17em"/>'
    assert mathml(source) == f"<math>{expected.replace('{}', gap)}</math>"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x_i^2", "x_{i}^{2}"),
        ("f'_i", r"f_{i}^{\prime}"),
        ("W_(k j)^((2))", "W_{k j}^{(2)}"),
        ("frac(partial L, partial bW)", r"\frac{\partial L}{\partial \mathbf{W}}"),
        ("sum_(k = 1)^m x_k", r"\sum_{k = 1}^{m} x_{k}"),
        ("softmax(a) <= 1", r"\operatorname{softmax}(a) \leq 1"),
        ("y ln x < 0", r"y \ln x \lt 0"),
        ("(frac(1, 2))^2", r"\left( \frac{1}{2} \right)^{2}"),
        ("norm(bx)_2", r"{\lVert \mathbf{x} \rVert}_{2}"),
        ("bone_({x > 0})", r"\mathbf{1}_{\{x \gt 0\}}"),
        ("p(y | x)", r"p(y\mid x)"),
        ('x "if" y', r"x\; \text{if}\; y"),
        ('"100 % {a_b}"', r"\text{100 \% \{a\_b\}}"),
        ("a &= b \\ &= c", r"\begin{aligned} a & = b \\ & = c \end{aligned}"),
        ("cases(a, b)", r"\begin{cases} a \\ b \end{cases}"),
        ("cases(a & b, c & d)", r"\begin{cases} a & b \\ c & d \end{cases}"),
        ("mat(a, b; c, d)", r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}"),
        ("hat(y)_i", r"{\hat{y}}_{i}"),
        ("1 slash 2", "1/2"),
        ("W <- W * H", r"W \leftarrow W \ast H"),
    ],
)
def test_small_formulas_in_latex(source, expected):
    assert latex(source) == expected
