"""The three networks of the Lyon assignment are the document's equations, and they learn."""

import numpy as np
import pytest
import torch

from retroprop.errors import UserError
from retroprop.labs.lyon_tp import convolutional, deep, perceptron, shallow
from retroprop.labs.lyon_tp.convolutional import ConvolutionalNetwork
from retroprop.labs.lyon_tp.data import load_data, presentations
from retroprop.labs.lyon_tp.deep import DeepNetwork
from retroprop.labs.lyon_tp.network import accuracy, initial_weights
from retroprop.labs.lyon_tp.perceptron import Perceptron
from retroprop.labs.lyon_tp.shallow import ShallowNetwork

F64 = torch.float64


@pytest.fixture(scope="module")
def mnist():
    """Four thousand training images and one thousand test images, with their labels."""
    (x, t), (test_x, test_t) = load_data()
    return (x[:4000], t[:4000]), (test_x[:1000], test_t[:1000])


def test_the_perceptron_is_a_numpy_loop_of_the_document_s_rule(mnist):
    (images, labels), _ = mnist
    model = Perceptron.random(scale=1.0, dtype=F64)
    w = model.w.numpy().copy()  # w_ij
    for n in presentations(len(images), 120, seed=5):
        x = np.append(images[n].astype(float), 1.0)
        y = w @ x
        w += 0.003 * np.outer(labels[n] - y, x)
    model.train(images, labels, steps=120, eta=0.003, seed=5)
    np.testing.assert_allclose(model.w.numpy(), w, rtol=0, atol=1e-12)


def test_the_shallow_network_is_a_numpy_loop_of_the_document_s_rule(mnist):
    (images, labels), _ = mnist
    model = ShallowNetwork.random(13, scale=0.3, dtype=F64)
    w1, w2 = model.w1.numpy().copy(), model.w2.numpy().copy()
    for n in presentations(len(images), 120, seed=5):
        x, t = np.append(images[n].astype(float), 1.0), labels[n]
        y1 = 1 / (1 + np.exp(-(w1 @ x)))
        y2 = w2 @ np.append(y1, 1.0)
        delta2 = t - y2
        delta1 = y1 * (1 - y1) * (w2[:, :-1].T @ delta2)
        w2 += 0.05 * np.outer(delta2, np.append(y1, 1.0))
        w1 += 0.05 * np.outer(delta1, x)
    model.train(images, labels, steps=120, eta=0.05, seed=5)
    np.testing.assert_allclose(model.w1.numpy(), w1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.w2.numpy(), w2, rtol=0, atol=1e-12)


def test_modify_makes_the_steps_that_train_makes_in_blocks(mnist):
    (images, labels), _ = mnist
    x, t = torch.tensor(images[:60], dtype=F64), torch.tensor(labels[:60], dtype=F64)
    for make in (Perceptron.random, ShallowNetwork.random):
        one_by_one, in_blocks = make(dtype=F64), make(dtype=F64)
        for i in range(60):
            one_by_one.modify(x[i : i + 1], t[i : i + 1], 0.01)
        in_blocks.learn(x, t, 0.01)
        torch.testing.assert_close(
            one_by_one.activity(x), in_blocks.activity(x), rtol=0, atol=1e-12
        )
        assert not torch.equal(one_by_one.activity(x), make(dtype=F64).activity(x))


def test_deep_equals_shallow_when_there_is_one_hidden_layer(mnist):
    (images, labels), _ = mnist
    by_hand = ShallowNetwork.random(20, seed=2, dtype=F64)
    by_autograd = DeepNetwork.random([20], seed=2, dtype=F64)
    for network in (by_hand, by_autograd):
        network.train(images, labels, steps=200, eta=0.1, seed=7)
    w1, w2 = by_autograd.w
    torch.testing.assert_close(by_hand.w1, w1.detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(by_hand.w2, w2.detach(), rtol=0, atol=1e-12)
    start = ShallowNetwork.random(20, seed=2, dtype=F64)
    assert (by_hand.w1 - start.w1).abs().max() > 0.01


def test_a_minibatch_takes_the_mean_gradient(mnist):
    (images, labels), _ = mnist
    network = DeepNetwork.random([5], dtype=F64, batch_size=4)
    before = [w.detach().clone() for w in network.w]
    x, t = torch.tensor(images[:4], dtype=F64), torch.tensor(labels[:4], dtype=F64)
    network.learn(x, t, 0.2)
    total = [torch.zeros_like(w) for w in before]
    for i in range(4):
        single = DeepNetwork(before)
        single.learn(x[i : i + 1], t[i : i + 1], 0.2)
        for sum_, w, w0 in zip(total, single.w, before, strict=True):
            sum_ += w.detach() - w0
    for w, w0, sum_ in zip(network.w, before, total, strict=True):
        torch.testing.assert_close(w.detach() - w0, sum_ / 4)


LEARNERS = {  # steps, eta, the share of 1,000 test images that it must pass
    "perceptron": (Perceptron.random, 4000, 0.001, 0.75),
    "shallow": (lambda: ShallowNetwork.random(30), 3000, 0.05, 0.75),
    "deep": (lambda: DeepNetwork.random([30, 20]), 2000, 0.1, 0.60),
    "tanh": (lambda: DeepNetwork.random([40], activation="tanh"), 1500, 0.01, 0.60),
    "relu, adam": (
        lambda: DeepNetwork.random([40, 30], activation="relu", optimizer="adam", batch_size=16),
        300, 0.003, 0.80,
    ),
    "adagrad": (
        lambda: DeepNetwork.random([40], activation="relu", optimizer="adagrad", batch_size=16),
        300, 0.01, 0.75,
    ),
    "convolutional": (lambda: ConvolutionalNetwork(batch_size=16), 100, 0.003, 0.75),
}  # fmt: skip


@pytest.mark.parametrize("name", LEARNERS)
def test_a_short_training_reaches_its_performance(name, mnist):
    make, steps, eta, at_least = LEARNERS[name]
    (images, labels), test = mnist
    network = make()
    assert network.test(*test) < 0.35
    network.train(images, labels, steps=steps, eta=eta)
    assert network.test(*test) >= at_least


@pytest.mark.parametrize("name", ["perceptron", "adagrad", "convolutional"])
def test_the_same_seed_gives_the_same_network(name, mnist):
    make, _, eta, _ = LEARNERS[name]
    (images, labels), (test_images, _) = mnist
    x = torch.tensor(test_images[:5])
    outputs = []
    for order in (0, 0, 1):
        network = make()
        network.train(images, labels, steps=20, eta=eta, seed=order)
        outputs.append(network.activity(x))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


def test_training_in_two_parts_goes_on_where_it_stopped(mnist):
    """Adam's moments and the gradients set to 0 survive between calls."""
    (images, labels), _ = mnist
    x, t = torch.tensor(images[:40]), torch.tensor(labels[:40])
    whole, parts = (
        DeepNetwork.random([5], optimizer="adam", batch_size=10, seed=1) for _ in range(2)
    )
    whole.learn(x, t, 0.01)
    parts.learn(x[:20], t[:20], 0.01)
    parts.learn(x[20:], t[20:], 0.01)
    for a, b in zip(whole.w, parts.w, strict=True):
        assert torch.equal(a, b)


def test_progress_is_told_until_the_last_step(mnist):
    (images, labels), _ = mnist
    told = []
    Perceptron.random().train(images, labels, steps=2500, eta=1e-3, progress=told.append)
    assert told == [1000, 2000, 2500]
    told.clear()
    network = DeepNetwork.random([2], batch_size=300)
    network.train(images, labels, steps=7, eta=1e-3, progress=told.append)
    assert told == [3, 6, 7]


def test_initial_weights_have_the_scale_asked_for_and_shallow_and_deep_start_alike():
    (w,) = initial_weights([784, 200], seed=0, scale=0.5)
    assert w.shape == (785, 200)
    assert w.std() == pytest.approx(0.5, rel=0.01)
    assert abs(w.mean()) < 0.01  # positive and negative
    assert initial_weights([784, 200], seed=0)[0].std() == pytest.approx(1 / 28, rel=0.01)
    by_hand, by_autograd = ShallowNetwork.random(9, seed=4), DeepNetwork.random([9], seed=4)
    assert torch.equal(by_hand.w1, by_autograd.w[0])
    assert torch.equal(by_hand.w2, by_autograd.w[1])


def test_accuracy_is_the_share_of_right_largest_outputs():
    y = torch.tensor([[0.1, 0.3], [5.0, -1.0], [0.0, 1.0], [2.0, 1.0]])
    t = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert accuracy(y, t) == 0.75


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda x, t: Perceptron.random().train(x, t, steps=0, eta=0.1), "steps must be"),
        (lambda x, t: Perceptron.random().train(x, t, steps=5, eta=0.0), "eta must be"),
        (lambda x, t: Perceptron.random().train(x, t, steps=5, eta=float("nan")), "eta must be"),
        (lambda x, t: Perceptron.random().train(t, x, steps=5, eta=0.1), r"images \(n, 784\)"),
        (lambda x, t: Perceptron.random().train(x, t, steps=3000, eta=5.0), "smaller eta"),
        (lambda x, t: Perceptron.random(scale=-1.0), "initial scale"),
        (lambda x, t: ShallowNetwork.random(0), "number of neurons"),
        (
            lambda x, t: DeepNetwork.random([4], activation="rleu"),
            "unknown activation .* Did you mean 'relu'",
        ),
        (
            lambda x, t: DeepNetwork.random([4], optimizer="adm"),
            "unknown optimizer .* Did you mean 'adam'",
        ),
        (lambda x, t: DeepNetwork.random([4], batch_size=0), "batch_size must be"),
        (lambda x, t: ConvolutionalNetwork(batch_size=0), "batch_size must be"),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(mistake, sentence, mnist):
    with pytest.raises(UserError, match=sentence):
        mistake(*mnist[0])


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (perceptron, ["--initial-scale", "0.01"]),
        (shallow, ["--hidden", "10"]),
        (deep, ["--hidden", "10", "8", "--activation", "tanh", "--optimizer", "adagrad"]),
        (convolutional, ["--batch-size", "2"]),
    ],
)
def test_each_part_runs_from_the_command_line(module, options, tmp_path, mnist, capsys):
    from retroprop.labs.lyon_tp.data import save_data

    save_data(tmp_path / "mnist.pkl", mnist)
    common = ["--steps", "20", "--eta", "0.001", "--data", str(tmp_path / "mnist.pkl")]
    assert module.main([*common, *options]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("step        20 / 20 ")
    assert printed[-1].startswith("performance on the test base: ")


def test_the_command_line_says_what_is_wrong_and_exits_with_2(capsys):
    assert perceptron.main(["--data", "nowhere.pkl"]) == 2
    assert "there is no file nowhere.pkl" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        perceptron.main(["--steps", "2.5"])
    assert stopped.value.code == 2
