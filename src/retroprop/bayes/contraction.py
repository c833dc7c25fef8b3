"""Products of two labelled arrays, summed over some labels: prepared once, applied many times.

Every axis carries a label: the number of a variable, or BATCH for the axis of the rows, which is
always last. Labels fall into four groups, and the groups decide how the product is formed:

    shared and kept (K), shared and summed (S), only left (A), only right (B)

    out[K, A, B] = Σ_S left[K, A, S] right[K, S, B]

One matrix product when K is empty, stacked products when it is small, broadcasting when S is empty.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

BATCH = -1  # label of the axis of the rows
Axes = tuple[int, ...]
Product = Callable[[Any, Any], Any]
SMALLEST_TOTAL = 1e-250  # below it, an underflow may have lost something
STACKED = 64  # multiply-adds per matrix of a stack, below which einsum is faster
STREAMED = 4096  # multiply-adds of matrices times vectors, above which copies cost more than sums


def contract(
    left: Axes, right: Axes, keep: frozenset[int] | set[int], cards: Sequence[int]
) -> tuple[Axes, Product]:
    """Prepare the product of two arrays, summed over the labels that are not kept.

    Args:
        left: Labels of the axes of the first operand.
        right: Labels of the axes of the second.
        keep: Labels of the result; BATCH is always kept.
        cards: Length of the axis of each variable.

    Returns:
        The labels of the result, and a function of both arrays.
    """
    if left and left[-1] == BATCH and (not right or right[-1] != BATCH):
        out, product = contract(right, left, keep, cards)  # rows become columns of the product
        return out, lambda a, b: product(b, a)
    kept = {*keep, BATCH}
    both = set(left) & set(right)
    K = tuple(v for v in left if v in both and v in kept)
    S = tuple(v for v in left if v in both and v not in kept)
    A = tuple(v for v in left if v not in both)
    B = tuple(v for v in right if v not in both)
    if any(v not in kept for v in (*A, *B)):
        return _einsum(left, right, _batch_last([v for v in (*K, *A, *B) if v in kept]))
    if not S:
        return _broadcast(left, right, _batch_last((*K, *A, *B)), cards)
    if BATCH in K:
        return _einsum(left, right, _batch_last((*K, *A, *B)))
    nK, nS, nA = (math.prod(cards[v] for v in group) for group in (K, S, A))
    nB = math.prod(cards[v] for v in B if v != BATCH) * (100 if BATCH in B else 1)
    out = (*K, *A, *B)
    shape = tuple(-1 if v == BATCH else cards[v] for v in out)
    to_left = _view(left, (*K, *A, *S))
    if nK == 1:
        to_right = _view(right, (*S, *K, *B))
        return out, _matrix_product(np.ndarray.dot, to_left, (nA, nS), to_right, (nS, -1), shape)
    vectors = BATCH not in B and min(nA, nB) == 1 and nK * nA * nB * nS >= STREAMED
    if (nA * nB * nS < STACKED and nK > 4) or vectors:
        return _einsum(left, right, out)
    to_right = _view(right, (*K, *S, *B))
    return out, _matrix_product(np.matmul, to_left, (nK, nA, nS), to_right, (nK, nS, -1), shape)


def _batch_last(axes: Sequence[int]) -> Axes:
    return (*(v for v in axes if v != BATCH), *(v for v in axes if v == BATCH))


def _view(axes: Axes, wanted: Axes) -> tuple[int, ...] | None:
    """The transposition that brings axes into an order; None where they are in it."""
    order = tuple(axes.index(v) for v in wanted)
    return None if order == tuple(range(len(order))) else order


def _matrix_product(
    multiply: Product, to_left: Any, left_shape: Any, to_right: Any, right_shape: Any, shape: Any
) -> Product:
    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if to_left is not None:
            a = a.transpose(to_left)
        if to_right is not None:
            b = b.transpose(to_right)
        return multiply(a.reshape(left_shape), b.reshape(right_shape)).reshape(shape)

    return product


def _broadcast(left: Axes, right: Axes, out: Axes, cards: Sequence[int]) -> tuple[Axes, Product]:
    """The product without a sum: both operands as views with axes of length one where they lack."""
    to_left = _view(left, tuple(v for v in out if v in left))
    to_right = _view(right, tuple(v for v in out if v in right))

    def length(v: int) -> int:
        return -1 if v == BATCH else cards[v]

    left_shape = tuple(length(v) if v in left else 1 for v in out)
    right_shape = tuple(length(v) if v in right else 1 for v in out)
    left_same = len(left) == len(out)
    right_same = len(right) == len(out)

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if to_left is not None:
            a = a.transpose(to_left)
        if to_right is not None:
            b = b.transpose(to_right)
        if not left_same:
            a = a.reshape(left_shape)
        if not right_same:
            b = b.reshape(right_shape)
        return a * b

    return out, product


def _einsum(left: Axes, right: Axes, out: Axes) -> tuple[Axes, Product]:
    code = {v: i for i, v in enumerate(dict.fromkeys((*left, *right)))}
    a_axes, b_axes, out_axes = ([code[v] for v in axes] for axes in (left, right, out))
    if len(code) <= 26:
        a_text, b_text, out_text = (
            "".join(chr(97 + i) for i in axes) for axes in (a_axes, b_axes, out_axes)
        )
        formula = f"{a_text},{b_text}->{out_text}"
        return out, lambda a, b: np.einsum(formula, a, b)
    return out, lambda a, b: np.einsum(a, a_axes, b, b_axes, out_axes)


def reduce_to(axes: Axes, keep: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
    """Sum an array over all axes but those kept, and bring these into the order given."""
    summed = tuple(i for i, v in enumerate(axes) if v not in keep)
    order = _view(tuple(v for v in axes if v in keep), tuple(keep))

    def reduced(array: np.ndarray) -> np.ndarray:
        if summed:
            array = array.sum(summed)
        return array if order is None else array.transpose(order)

    return reduced
