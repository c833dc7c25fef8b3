"""Confusion matrices and accuracies of classes."""

import math

import pytest
import torch

from retroprop.errors import UserError
from retroprop.randomness import generator
from retroprop.training.confusion import accuracy, class_accuracies, confusion_matrix, count_pairs


def drawn(n=500, classes=7, seed=0):
    stream = generator("predictions", seed)
    outputs = torch.randn(n, classes, generator=stream)
    return outputs, torch.randint(0, classes, (n,), generator=stream)


def test_a_cell_counts_the_examples_of_its_class_that_were_called_so():
    outputs, labels = drawn()
    counts = confusion_matrix([(outputs, labels)], 7)
    expected = [[0] * 7 for _ in range(7)]
    for label, predicted in zip(labels.tolist(), outputs.argmax(1).tolist(), strict=True):
        expected[label][predicted] += 1
    assert counts.tolist() == expected
    assert counts.dtype == torch.int64


def test_minibatches_add_up():
    outputs, labels = drawn()
    whole = confusion_matrix([(outputs, labels)], 7)
    parts = zip(outputs.split(64), labels.split(64), strict=True)
    assert torch.equal(confusion_matrix(parts, 7), whole)


def test_classes_may_come_instead_of_logits_and_labels_in_any_integer_type():
    outputs, labels = drawn()
    whole = confusion_matrix([(outputs, labels)], 7)
    assert torch.equal(confusion_matrix([(outputs.argmax(1), labels)], 7), whole)
    assert torch.equal(confusion_matrix([(outputs, labels.to(torch.uint8))], 7), whole)
    assert torch.equal(count_pairs(labels.int(), outputs.argmax(1), 7), whole)


def test_accuracies_are_shares_of_the_rows_and_of_all():
    counts = torch.tensor([[3, 1, 0], [0, 0, 0], [1, 0, 5]])
    by_class = class_accuracies(counts)
    assert by_class[[0, 2]].tolist() == pytest.approx([3 / 4, 5 / 6])
    assert math.isnan(by_class[1])
    assert accuracy(counts) == 0.8


def test_no_examples_have_no_accuracy():
    counts = confusion_matrix([], 3)
    assert counts.tolist() == [[0] * 3] * 3
    assert torch.equal(confusion_matrix([(torch.zeros(0, 3), torch.zeros(0))], 3), counts)
    with pytest.raises(UserError, match="at least one example"):
        accuracy(counts)


@pytest.mark.parametrize("wrong", [-1, 7, 255])
def test_a_label_out_of_range_is_explained_wherever_it_is(wrong):
    outputs, labels = drawn()
    labels[70] = wrong
    batches = zip(outputs.split(64), labels.split(64), strict=True)
    with pytest.raises(UserError, match=f"from 0 to 6, and got them from .*{wrong}"):
        confusion_matrix(batches, 7)


def test_a_model_with_more_outputs_than_classes_is_explained():
    outputs, labels = drawn(classes=7)
    with pytest.raises(UserError, match="as many outputs as the data have classes"):
        confusion_matrix([(outputs, labels.clamp_max(4))], 5)
