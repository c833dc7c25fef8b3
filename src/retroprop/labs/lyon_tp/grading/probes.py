"""What runs beside a submission in its confined process: it asks, and knows no answer.

A function takes the submission and values, and returns what is judged elsewhere. It imports
nothing of retroprop: it is sent as text.
"""


def perceptron(submission, values):
    """A perceptron with copies of the weights."""
    return submission.perceptron.Perceptron(values["weights"][0].clone())


def shallow(submission, values):
    """A shallow network with copies of the weights."""
    return submission.shallow.ShallowNetwork(*[w.clone() for w in values["weights"]])


def deep(submission, values):
    """A deep network with copies of the weights."""
    return submission.deep.DeepNetwork([w.clone() for w in values["weights"]])


def perceptron_outputs(submission, values):
    """The outputs of the perceptron."""
    return perceptron(submission, values).activity(values["x"])


def shallow_outputs(submission, values):
    """The outputs of the shallow network."""
    return shallow(submission, values).activity(values["x"])


def deep_outputs(submission, values):
    """The outputs of the deep network."""
    return deep(submission, values).activity(values["x"])


def shallow_deltas(submission, values):
    """The errors of the hidden layer and of the outputs."""
    found = shallow(submission, values).deltas(values["x"], values["t"])
    return list(found) if isinstance(found, tuple) else found


def perceptron_steps(submission, values):
    """The weights after a step for each example."""
    network = perceptron(submission, values)
    network.learn(values["x"], values["t"], values["eta"])
    return [network.w]


def shallow_steps(submission, values):
    """The weights after a step for each example."""
    network = shallow(submission, values)
    network.learn(values["x"], values["t"], values["eta"])
    return [network.w1, network.w2]


def deep_steps(submission, values):
    """The weights after a step for each example."""
    network = deep(submission, values)
    network.learn(values["x"], values["t"], values["eta"])
    return list(network.w)
