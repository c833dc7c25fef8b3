"""A template and solutions of it that were written independently of each other."""

TEMPLATE = '''import numpy as np


def softmax(x, axis=-1):
    """The softmax of x along an axis, stable for large values."""
    # TODO
    pass


def cross_entropy(y, y_pred):
    """The summed cross-entropy of one-hot y and probabilities y_pred."""
    # TODO
    pass


class LinearModel:
    def __init__(self, num_features, num_classes):
        self.params = np.random.normal(0, 0.01, (num_features + 1, num_classes))
        self.t = 0
        self.m_t = 0
        self.v_t = 0

    def forward(self, x):
        """Probabilities of the classes."""
        # TODO
        pass

    def get_grads(self, y, y_pred, X):
        """The gradient of the cross-entropy for the parameters."""
        # TODO
        pass

    def sgd_update(self, lr, grads):
        # TODO
        pass

    def adam_update(self, lr, grads):
        # TODO
        pass


def train(model, lr=0.1, nb_epochs=10, data_loader_train=None, data_loader_val=None):
    """The best model on the validation set, and its accuracy."""
    # TODO
    pass
'''

ANNA = """import numpy as np
import copy


def softmax(x, axis=-1):
    shifted = x - np.max(x, axis=axis, keepdims=True)
    exps = np.exp(shifted)
    return exps / exps.sum(axis=axis, keepdims=True)


def cross_entropy(y, y_pred):
    clipped = np.clip(y_pred, 1e-12, 1.0)
    return -np.sum(y * np.log(clipped))


class LinearModel:
    def __init__(self, num_features, num_classes):
        self.params = np.random.normal(0, 0.01, (num_features + 1, num_classes))
        self.t = 0
        self.m_t = 0
        self.v_t = 0

    def forward(self, x):
        return softmax(x @ self.params)

    def get_grads(self, y, y_pred, X):
        return X.T @ (y_pred - y)

    def sgd_update(self, lr, grads):
        self.params = self.params - lr * grads

    def adam_update(self, lr, grads):
        b1, b2, eps = 0.9, 0.999, 1e-8
        self.t += 1
        self.m_t = b1 * self.m_t + (1 - b1) * grads
        self.v_t = b2 * self.v_t + (1 - b2) * grads ** 2
        m_hat = self.m_t / (1 - b1 ** self.t)
        v_hat = self.v_t / (1 - b2 ** self.t)
        self.params -= lr * m_hat / (np.sqrt(v_hat) + eps)


def train(model, lr=0.1, nb_epochs=10, data_loader_train=None, data_loader_val=None):
    best, best_acc = None, -1.0
    history = []
    for epoch in range(nb_epochs):
        running = 0.0
        for inputs, labels in data_loader_train:
            probs = model.forward(inputs)
            running += cross_entropy(labels, probs)
            model.sgd_update(lr, model.get_grads(labels, probs, inputs))
        correct, total = 0, 0
        for inputs, labels in data_loader_val:
            guess = model.forward(inputs).argmax(axis=1)
            correct += int((guess == labels.argmax(axis=1)).sum())
            total += len(labels)
        history.append((running, correct / total))
        if correct / total > best_acc:
            best_acc = correct / total
            best = copy.deepcopy(model)
    return best, best_acc, history
"""

BEN = """import numpy as np
from copy import deepcopy


def softmax(x, axis=-1):
    x = np.asarray(x, dtype=float)
    e = np.exp(x - x.max(axis, keepdims=True))
    e /= e.sum(axis, keepdims=True)
    return e


def cross_entropy(y, y_pred):
    chosen = y_pred[np.arange(len(y)), y.argmax(1)]
    return float(-np.log(chosen + 1e-15).sum())


class LinearModel:
    def __init__(self, num_features, num_classes):
        self.params = np.random.normal(0, 0.01, (num_features + 1, num_classes))
        self.t = 0
        self.m_t = 0
        self.v_t = 0

    def forward(self, x):
        logits = np.dot(x, self.params)
        return softmax(logits, axis=1)

    def get_grads(self, y, y_pred, X):
        delta = y_pred - y
        grads = np.zeros_like(self.params)
        for row, error in zip(X, delta):
            grads += np.outer(row, error)
        return grads

    def sgd_update(self, lr, grads):
        self.params -= np.multiply(lr, grads)

    def adam_update(self, lr, grads, beta=(0.9, 0.999)):
        self.t = self.t + 1
        first, second = beta
        self.m_t = first * self.m_t + grads - first * grads
        self.v_t = second * self.v_t + np.square(grads) - second * np.square(grads)
        scale = lr * np.sqrt(1 - second ** self.t) / (1 - first ** self.t)
        self.params -= scale * self.m_t / (np.sqrt(self.v_t) + 1e-8)


def accuracy_on(model, loader):
    hits = [np.mean(np.argmax(model.forward(X), 1) == np.argmax(y, 1)) for X, y in loader]
    return float(np.mean(hits))


def train(model, lr=0.1, nb_epochs=10, data_loader_train=None, data_loader_val=None):
    logs = {"train": [], "val": []}
    champion = (0.0, deepcopy(model))
    epoch = 0
    while epoch < nb_epochs:
        losses = []
        for X, y in data_loader_train:
            y_pred = model.forward(X)
            model.adam_update(lr, model.get_grads(y, y_pred, X))
            losses.append(cross_entropy(y, y_pred) / len(X))
        logs["train"].append(np.mean(losses))
        logs["val"].append(accuracy_on(model, data_loader_val))
        if logs["val"][-1] >= champion[0]:
            champion = (logs["val"][-1], deepcopy(model))
        epoch += 1
    return champion[1], champion[0], logs
"""
