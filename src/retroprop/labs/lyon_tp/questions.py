"""The questions of the assignment « Introduction à l'apprentissage profond » (Lyon, 2019).

The document does not number its questions: the numbers are ours, by its parts. "0" is its section
on the data.
"""

from collections.abc import Iterator

from retroprop.labs.assignments import heading
from retroprop.labs.lyon_tp import answers_deep as deep
from retroprop.labs.lyon_tp import answers_further as further
from retroprop.labs.lyon_tp import answers_perceptron as perceptron
from retroprop.labs.lyon_tp import answers_shallow as shallow
from retroprop.labs.lyon_tp.evidence import ROUNDING
from retroprop.labs.lyon_tp.experiments import performance, steps
from retroprop.labs.lyon_tp.hyperparameters import setting, wearing_off
from retroprop.labs.lyon_tp.measurements import (
    perceptron_gradient_error,
    shallow_against_deep,
    shallow_gradient_error,
)
from retroprop.report.lab_report import Lab, LabReport, Part, Question
from retroprop.studies.summary import mean_and_deviation

PERCEPTRON, SHALLOW, DEEP = "lyon-perceptron", "lyon-shallow", "lyon-deep"

# --- data and part 1 ------------------------------------------------------------------------------

_DATA = Part(
    name="data",
    title="Data",
    questions=(
        Question(
            name="0.1",
            title="The images and their labels",
            asked="Take the MNIST base: two pairs of images (784 pixels each) and one-hot labels, "
            "to learn from and to test.",
            answers=(perceptron.images,),
            code="images, labels = training\nprint(images.shape, labels.shape, labels[0])",
        ),
    ),
)

_PERCEPTRON = Part(
    name="perceptron",
    title="Part 1: the perceptron",
    questions=(
        Question(
            name="1.1",
            title="The algorithm",
            asked="Implement the perceptron by its equations, without autograd or torch.nn: choose "
            "an example, compute $y_i = sum_j w_(i j) x_j$, add $eta x_j (t_i - y_i)$ to each "
            "weight. The biases are an input of 1.",
            answers=(perceptron.rule,),
            code="network = Perceptron.random(scale=0.01, seed=0)\n"
            "network.train(*training, steps=3000, eta=0.001)\n"
            "print(network.w.shape)",
        ),
        Question(
            name="1.2",
            title="The performance",
            asked="Test the perceptron on MNIST, and note how well it does on the test base.",
            answers=(performance(PERCEPTRON),),
            studies=(PERCEPTRON,),
            code='print(f"after 3,000 steps: {network.test(*testing):.1%}")',
        ),
        Question(
            name="1.3",
            title="The number of steps",
            asked="Try several numbers of steps, and discuss what they do.",
            answers=(steps(PERCEPTRON), perceptron.why_steps),
            studies=(PERCEPTRON,),
            code="for steps in (300, 1000, 3000):\n"
            "    network = Perceptron.random(seed=0)\n"
            "    network.train(*training, steps=steps, eta=0.001)\n"
            '    print(f"{steps} steps: {network.test(*testing):.1%}")',
        ),
        Question(
            name="1.4",
            title="The learning rate η",
            asked="Try several values of $eta$, starting low, near 0.001, and discuss them.",
            answers=(
                setting(PERCEPTRON, "learning_rate", along=["initial_scale"], tables=True),
                perceptron.why_rates,
            ),
            studies=(PERCEPTRON,),
            code="for eta in (0.0001, 0.001, 0.005):\n"
            "    network = Perceptron.random(seed=0)\n"
            "    network.train(*training, steps=3000, eta=eta)\n"
            '    print(f"η = {eta}: {network.test(*testing):.1%}")',
        ),
        Question(
            name="1.5",
            title="The initial weights: scale and sign",
            asked="Try several initial weights, near 0 and far from it, of both signs and of one, "
            "and discuss them.",
            answers=(
                setting(PERCEPTRON, "initial_scale", along=["learning_rate"]),
                setting(PERCEPTRON, "initial_sign", along=["initial_scale"]),
                wearing_off(PERCEPTRON, "initial_scale"),
                perceptron.why_weights,
            ),
            studies=(PERCEPTRON,),
            code="for scale in (0.01, 0.1, 1.0):\n"
            "    network = Perceptron.random(scale=scale, seed=0)\n"
            "    network.train(*training, steps=3000, eta=0.001)\n"
            '    print(f"N(0, {scale}²): {network.test(*testing):.1%}")',
        ),
    ),
)

# --- parts 2 and 3 --------------------------------------------------------------------------------

_SHALLOW = Part(
    name="shallow",
    title="Part 2: the shallow network",
    questions=(
        Question(
            name="2.1",
            title="The algorithm",
            asked="Implement the multilayer perceptron with one hidden layer of sigmoid neurons "
            "and a linear output by its equations, without autograd or torch.nn.",
            answers=(shallow.equations,),
            code="network = ShallowNetwork.random(hidden=30, seed=0)\n"
            "network.train(*training, steps=3000, eta=0.03)\n"
            "print(network.w1.shape, network.w2.shape)",
        ),
        Question(
            name="2.2",
            title="The performance",
            asked="Test it on MNIST, and note how well it does on the test base.",
            answers=(performance(SHALLOW),),
            studies=(SHALLOW,),
            code='print(f"after 3,000 steps: {network.test(*testing):.1%}")',
        ),
        Question(
            name="2.3",
            title="The number of steps",
            asked="What does the number of steps do?",
            answers=(steps(SHALLOW),),
            studies=(SHALLOW,),
            code="for steps in (300, 1000, 3000):\n"
            "    network = ShallowNetwork.random(hidden=30, seed=0)\n"
            "    network.train(*training, steps=steps, eta=0.03)\n"
            '    print(f"{steps} steps: {network.test(*testing):.1%}")',
        ),
        Question(
            name="2.4",
            title="The learning rate η",
            asked="What does $eta$ do?",
            answers=(
                setting(SHALLOW, "learning_rate", along=["width", "initial_scale"], tables=True),
                shallow.why_rates,
            ),
            studies=(SHALLOW,),
            code="for eta in (0.003, 0.03, 0.1):\n"
            "    network = ShallowNetwork.random(hidden=30, seed=0)\n"
            "    network.train(*training, steps=3000, eta=eta)\n"
            '    print(f"η = {eta}: {network.test(*testing):.1%}")',
        ),
        Question(
            name="2.5",
            title="The initial weights",
            asked="What do the initial weights do?",
            answers=(
                setting(SHALLOW, "initial_scale", along=["learning_rate", "width"]),
                wearing_off(SHALLOW, "initial_scale"),
                shallow.why_weights,
            ),
            studies=(SHALLOW,),
            code="for scale in (None, 0.1, 1.0):  # None: 1 / √inputs\n"
            "    network = ShallowNetwork.random(hidden=30, scale=scale, seed=0)\n"
            "    network.train(*training, steps=3000, eta=0.03)\n"
            '    print(f"{scale}: {network.test(*testing):.1%}")',
        ),
        Question(
            name="2.6",
            title="The hidden neurons",
            asked="What does the number of hidden neurons do?",
            answers=(
                setting(SHALLOW, "width", along=["learning_rate"], costs=True),
                shallow.parameters,
            ),
            studies=(SHALLOW,),
            code="for hidden in (10, 30, 100):\n"
            "    network = ShallowNetwork.random(hidden=hidden, seed=0)\n"
            "    network.train(*training, steps=3000, eta=0.03)\n"
            '    print(f"{hidden} neurons: {network.test(*testing):.1%}")',
        ),
    ),
)

_DEEP = Part(
    name="deep",
    title="Part 3: the deep network",
    questions=(
        Question(
            name="3.1",
            title="The algorithm",
            asked="Implement the multilayer perceptron with any number of hidden layers and a "
            "linear output; let torch.autograd compute the gradients of the squared error.",
            answers=(deep.network,),
            code='network = DeepNetwork.random((30, 30), seed=0, activation="relu")\n'
            "network.train(*training, steps=1000, eta=0.01)\n"
            "print([tuple(w.shape) for w in network.w])",
        ),
        Question(
            name="3.2",
            title="Is it consistent with part 2?",
            asked="Check the implementations against each other: do part 2 again with automatic "
            "differentiation.",
            answers=(deep.consistency,),
            code="by_hand = ShallowNetwork.random(hidden=30, seed=0)\n"
            "by_autograd = DeepNetwork([by_hand.w1, by_hand.w2])\n"
            "for one in (by_hand, by_autograd):\n"
            "    one.train(*training, steps=300, eta=0.03)\n"
            "print((by_hand.w1 - by_autograd.w[0]).abs().max().item())",
        ),
        Question(
            name="3.3",
            title="The performance",
            asked="Test a deep network on MNIST, and note how well it does on the test base.",
            answers=(
                performance(DEEP),
                deep.how_deep,
            ),
            studies=(DEEP,),
            code='print(f"after 1,000 steps: {network.test(*testing):.1%}")',
        ),
        Question(
            name="3.4",
            title="The number of steps",
            asked="What does the number of steps do?",
            answers=(steps(DEEP),),
            studies=(DEEP,),
            code="for steps in (300, 1000):\n"
            '    network = DeepNetwork.random((30, 30), activation="relu")\n'
            "    network.train(*training, steps=steps, eta=0.01)\n"
            '    print(f"{steps} steps: {network.test(*testing):.1%}")',
        ),
        Question(
            name="3.5",
            title="The learning rate η",
            asked="What does $eta$ do?",
            answers=(setting(DEEP, "learning_rate", along=["depth", "width"], tables=True),),
            studies=(DEEP,),
            code="for eta in (0.001, 0.01):\n"
            '    network = DeepNetwork.random((30, 30), activation="relu")\n'
            "    network.train(*training, steps=1000, eta=eta)\n"
            '    print(f"η = {eta}: {network.test(*testing):.1%}")',
        ),
        Question(
            name="3.6",
            title="The initial weights",
            asked="What do the initial weights do?",
            answers=(
                setting(DEEP, "initial_scale", along=["depth", "width"]),
                wearing_off(DEEP, "initial_scale"),
                deep.why_weights,
            ),
            studies=(DEEP,),
            code="for scale in (None, 0.1):  # None: 1 / √inputs\n"
            '    network = DeepNetwork.random((30, 30), scale=scale, activation="relu")\n'
            "    network.train(*training, steps=1000, eta=0.01)\n"
            '    print(f"{scale}: {network.test(*testing):.1%}")',
        ),
        Question(
            name="3.7",
            title="The hidden layers",
            asked="What does the number of hidden layers do?",
            answers=(setting(DEEP, "depth", along=["width"], costs=True), deep.why_depth),
            studies=(DEEP,),
            code="for depth in (1, 2, 3):\n"
            '    network = DeepNetwork.random([30] * depth, activation="relu")\n'
            "    network.train(*training, steps=1000, eta=0.01)\n"
            '    print(f"hidden layers: {depth}, {network.test(*testing):.1%}")',
        ),
        Question(
            name="3.8",
            title="The neurons of each hidden layer",
            asked="What does the number of neurons of each hidden layer do?",
            answers=(setting(DEEP, "width", along=["depth"], costs=True),),
            studies=(DEEP,),
            code="for width in (10, 50):\n"
            '    network = DeepNetwork.random((width, width), activation="relu")\n'
            "    network.train(*training, steps=1000, eta=0.01)\n"
            '    print(f"{width} neurons: {network.test(*testing):.1%}")',
        ),
    ),
)

# --- part 4 ---------------------------------------------------------------------------------------

_FURTHER = Part(
    name="further",
    title="Part 4: going further (optional)",
    questions=(
        Question(
            name="4.1",
            title="Other activation functions",
            asked="Try other activation functions of the neurons, tanh and ReLU above all.",
            answers=(further.activations,),
            studies=("lyon-activations",),
            code='for activation in ("sigmoid", "tanh", "relu"):\n'
            "    network = DeepNetwork.random((30,), activation=activation, batch_size=20)\n"
            "    network.train(*training, steps=500, eta=0.03)\n"
            '    print(f"{activation}: {network.test(*testing):.1%}")',
        ),
        Question(
            name="4.2a",
            title="More efficient methods of gradient",
            asked="Use a better method than the course’s, such as Adam or Adagrad.",
            answers=(further.optimizers,),
            studies=("lyon-optimizers",),
            code='for optimizer, eta in (("sgd", 0.1), ("adagrad", 0.01), ("adam", 0.001)):\n'
            '    network = DeepNetwork.random((30,), activation="relu", optimizer=optimizer,\n'
            "                                 batch_size=50)\n"
            "    network.train(*training, steps=200, eta=eta)\n"
            '    print(f"{optimizer}: {network.test(*testing):.1%}")',
        ),
        Question(
            name="4.2b",
            title="Minibatches",
            asked="Try minibatches.",
            answers=(further.minibatches,),
            studies=("lyon-minibatches",),
            code="for batch_size, eta in ((1, 0.03), (10, 0.1), (100, 0.1)):\n"
            "    network = DeepNetwork.random((30,), batch_size=batch_size)\n"
            "    network.train(*training, steps=3000 // batch_size, eta=eta)\n"
            '    print(f"{batch_size} examples a step: {network.test(*testing):.1%}")',
        ),
        Question(
            name="4.3",
            title="A convolutional network",
            asked="Implement a convolutional network with torch.nn, and look for hyper-parameters "
            "with which it does well.",
            answers=(performance("lyon-convolution"), further.convolution, further.layers),
            studies=("lyon-convolution",),
            code="network = ConvolutionalNetwork(channels=(8, 16), batch_size=32)\n"
            "network.train(*training, steps=60, eta=0.001)\n"
            "images, labels = testing\n"
            'print(f"{network.test(images[:2000], labels[:2000]):.1%}")',
        ),
    ),
)


def summary(lab: LabReport) -> Iterator[str]:
    """The performance on the test base of each part that was tested."""
    names = {
        PERCEPTRON: lab.say("the perceptron"),
        SHALLOW: lab.say("the shallow network"),
        DEEP: lab.say("the deep network"),
        "lyon-convolution": lab.say("the convolutional network"),
    }
    found: dict[str, float] = {}
    for study, name in names.items():
        report = lab.find_study(study)
        cell = report.best_cell if report is not None else None
        if cell is not None and (values := cell.test_accuracies):
            found[name] = mean_and_deviation(values)[0]
    if not found:
        return
    listed = lab.say("; ").join(
        lab.say("{name}: {cell}").format(name=name, cell=lab.numbers.percent(accuracy))
        for name, accuracy in found.items()
    )
    yield lab.say("Accuracy on the test base: {list}.").format(list=listed)
    worst = max(perceptron_gradient_error(), shallow_gradient_error(), shallow_against_deep())
    yield lab.say(
        "The equations written by hand agree with automatic differentiation up to rounding "
        "({error}); they are compared anew each time that this is written (1.1, 2.1, 3.2)."
        if worst < ROUNDING
        else "The equations written by hand differ from automatic differentiation by {error}: see "
        "1.1, 2.1 and 3.2."
    ).format(error=lab.numbers.power_of_ten(worst))


LAB = Lab(
    **heading("lyon-tp"),
    parts=(_DATA, _PERCEPTRON, _SHALLOW, _DEEP, _FURTHER),
    summary=summary,
    answers_in_code=True,
    imports="from retroprop.labs.lyon_tp.convolutional import ConvolutionalNetwork\n"
    "from retroprop.labs.lyon_tp.data import load_data\n"
    "from retroprop.labs.lyon_tp.deep import DeepNetwork\n"
    "from retroprop.labs.lyon_tp.perceptron import Perceptron\n"
    "from retroprop.labs.lyon_tp.shallow import ShallowNetwork\n\n"
    "training, testing = load_data()",
)
