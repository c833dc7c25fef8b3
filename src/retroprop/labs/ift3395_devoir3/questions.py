"""The questions of IFT3395, devoir 3, in its order and with its numbers.

Part 1 asks for eleven functions of `solution`; its answers show them and check them. Part 2 asks
for experiments; its answers read the studies ift3395-normalization and ift3395-architectures, and
compute while the document is written what needs no training.
"""

from collections.abc import Iterator

from retroprop.labs.assignments import heading
from retroprop.labs.ift3395_devoir3 import answers_architectures as architectures
from retroprop.labs.ift3395_devoir3 import answers_equivariance as equivariance
from retroprop.labs.ift3395_devoir3 import answers_networks as networks
from retroprop.labs.ift3395_devoir3 import answers_normalization as normalization
from retroprop.labs.ift3395_devoir3 import answers_sizes as sizes
from retroprop.labs.ift3395_devoir3 import answers_training as training
from retroprop.report.lab_report import Lab, LabReport, Part, Question

NORMALIZATION = (normalization.STUDY,)
ARCHITECTURES = (architectures.STUDY,)

IMPORTS = """\
import torch
from torch import nn
from retroprop.labs.ift3395_devoir3.solution import (
    NetworkConfiguration,
    Trainer,
    gradient_norm,
    jacobian_norm,
)
from retroprop.models.budget import CNNBudget, MLPBudget, Unknown, solve
"""

PART_1 = (
    Question(
        name="1.1",
        title="The norm of a gradient",
        asked="Complete gradient_norm: the Euclidean norm of the gradient of a function with "
        "respect to all the tensors of a list together.",
        points=3,
        answers=(networks.gradient_norm,),
        code="""\
A, x = torch.ones(3, 4), torch.ones(4)
print(gradient_norm(lambda A, x: (A @ x).square().sum(), A, x))""",
    ),
    Question(
        name="1.2",
        title="The norm of a Jacobian",
        asked="Complete jacobian_norm: the Frobenius norm of the Jacobian of a function at one "
        "tensor.",
        points=2,
        answers=(networks.jacobian_norm,),
        code="print(jacobian_norm(lambda x: x.softmax(0), torch.zeros(5)))",
    ),
    Question(
        name="1.3",
        title="Activation functions by name",
        asked="Complete create_activation_function, which turns relu, tanh or sigmoid into a "
        "module.",
        points=1,
        answers=(networks.activation_function,),
        code='print(Trainer.create_activation_function("tanh")(torch.linspace(-2, 2, 5)))',
    ),
    Question(
        name="1.4",
        title="A constructor of MLPs",
        asked="Complete create_mlp: the image flattened, Linear layers with the activation after "
        "each but the last, and a softmax after that.",
        points=5,
        answers=(networks.multilayer_perceptron,),
        code="""\
configuration = NetworkConfiguration(dense_hiddens=(32, 16, 8))
print(Trainer.create_mlp(784, configuration, n_classes=10, activation=nn.ReLU()))""",
    ),
    Question(
        name="1.5",
        title="A constructor of CNNs",
        asked="Complete create_cnn: convolutions with activation and max-pooling, an adaptive "
        "pooling onto 4 × 4 after the last one, dense layers and a softmax, for images of any "
        "size.",
        points=5,
        answers=(networks.convolutional_network,),
        code="""\
configuration = NetworkConfiguration((16, 32), (4, 5), strides=(1, 2), paddings=(1, 0))
network = Trainer.create_cnn(1, configuration, n_classes=10, activation=nn.ReLU())
print(network(torch.zeros(5, 1, 28, 28)).shape, network(torch.zeros(5, 1, 40, 36)).shape)""",
    ),
    Question(
        name="1.6",
        title="Normalised sets",
        asked="Complete normalize: every feature of the three sets is centred by its mean and "
        "divided by its standard deviation over the training set.",
        points=2,
        answers=(networks.normalized_pixels,),
        code="""\
trainer = Trainer()  # loads the three sets and normalises them
print(trainer.train[0].shape, trainer.train[0].mean(), trainer.train[0].std())""",
    ),
    Question(
        name="1.7",
        title="Labels as one-hot rows",
        asked="Complete one_hot, which turns the labels of a batch into a matrix with a single 1 "
        "in each row.",
        points=2,
        answers=(training.one_hot,),
        code="print(trainer.one_hot(torch.tensor([1, 0, 3, 4])))",
    ),
    Question(
        name="1.8",
        title="Cross-entropy and accuracy",
        asked="Complete compute_loss_and_accuracy: the cross-entropy of the probabilities, cut to "
        "[ε, 1 − ε], as a tensor that can be differentiated, and the accuracy on the batch.",
        points=4,
        answers=(training.loss_and_accuracy,),
        code="""\
X, y = trainer.train[0][:128], trainer.one_hot(trainer.train[1][:128])
print(trainer.compute_loss_and_accuracy(X, y))""",
    ),
    Question(
        name="1.9",
        title="The norm of a network’s gradient",
        asked="Complete compute_gradient_norm: the Euclidean norm of the gradients that lie in the "
        "buffers of the parameters.",
        points=2,
        answers=(training.network_gradient_norm,),
        code="""\
trainer.compute_loss_and_accuracy(X, y)[0].backward()
print(trainer.compute_gradient_norm(trainer.network))""",
    ),
    Question(
        name="1.10",
        title="One step of training",
        asked="Complete training_step: compute the gradient on a batch, let the optimizer take a "
        "step, and return the norm of the gradient.",
        points=6,
        answers=(training.training_step,),
        code="print([round(trainer.training_step(X, y), 3) for step in range(5)])",
    ),
    Question(
        name="1.11",
        title="Evaluation on a whole set",
        asked="Complete evaluate: the mean loss and the mean accuracy on a set.",
        points=3,
        answers=(training.evaluation,),
        code="print(trainer.evaluate(*trainer.valid))",
    ),
)

PART_2 = (
    Question(
        name="2.1",
        title="Equivariance: the four figures",
        asked="Show the first training image, the features that the small convolutional network "
        "makes of it, and the absolute difference between moving before the network and after it: "
        "for the shift and for the rotation.",
        points=5,
        bonus=True,
        answers=(equivariance.figures,),
        code="""\
movements = trainer.test_equivariance()
print({name: round(float(panel.max()), 4) for name, panel in movements._asdict().items()})""",
    ),
    Question(
        name="2.1a",
        label="2.1 (a)",
        title="What convolutions are equivariant to",
        asked="To which kinds of transformations are convolutional layers equivariant?",
        answers=(equivariance.to_which,),
    ),
    Question(
        name="2.1b",
        label="2.1 (b)",
        title="What equivariance is good for",
        asked="Why would equivariance to some transformations be more useful for learning than to "
        "others, and does that depend on the algorithm alone or on the data too?",
        studies=ARCHITECTURES,
        answers=(equivariance.how_useful, equivariance.useful_here),
    ),
    Question(
        name="2.2",
        title="Normalisation and learning rate: the figures",
        asked="Train an MLP of 256-256 units with ReLU for 50 epochs, batches of 128 and the "
        "template’s seed: validation accuracy over the epochs for the learning rates 0.01, 0.0001 "
        "and 1e-8, without and with normalisation. The best combination should pass 80 %.",
        points=3,
        bonus=True,
        studies=NORMALIZATION,
        answers=(normalization.curves,),
        code="""\
if SIZE == "smoke":
    trainer.train = tuple(part[:1280] for part in trainer.train)
print(trainer.train_loop(1)["validation_accuracy"])  # before and after one epoch more""",
    ),
    Question(
        name="2.2a",
        label="2.2 (a)",
        title="The effect of normalisation",
        asked="What is the effect of normalisation?",
        studies=NORMALIZATION,
        answers=(normalization.effect,),
    ),
    Question(
        name="2.2b",
        label="2.2 (b)",
        title="Normalisation and convergence",
        asked="Does it help the convergence? Why, or why not?",
        studies=NORMALIZATION,
        answers=(normalization.convergence,),
    ),
    Question(
        name="2.2c",
        label="2.2 (c)",
        title="Very small and very large learning rates",
        asked="What do very small and very large learning rates do?",
        studies=NORMALIZATION,
        answers=(normalization.learning_rates,),
    ),
    Question(
        name="2.3a",
        label="2.3 (a)",
        title="The parameters of the MLP",
        asked="How many numbers does this network have to learn?",
        points=5,
        bonus=True,
        answers=(sizes.parameter_count,),
        code="print(sum(weights.numel() for weights in trainer.network.parameters()))",
    ),
    Question(
        name="2.3b",
        label="2.3 (b)",
        title="A thin and deep MLP of the same size",
        asked="Train a network with about as many parameters (10,000 more or less), whose hidden "
        "layers all have 64 neurons.",
        studies=ARCHITECTURES,
        answers=(architectures.thin_network,),
        code="print(solve(MLPBudget(width=64, depth=Unknown()), 269_322).within)",
    ),
    Question(
        name="2.3c",
        label="2.3 (c)",
        title="Accuracies of both MLPs",
        asked="Plot the train and validation accuracies of both MLPs in one figure.",
        studies=ARCHITECTURES,
        answers=(architectures.thin_curves,),
    ),
    Question(
        name="2.3d",
        label="2.3 (d)",
        title="Gradient norms of both MLPs",
        asked="Plot how the norm of the gradient evolves in the training of both.",
        studies=ARCHITECTURES,
        answers=(architectures.thin_gradients,),
    ),
    Question(
        name="2.3e",
        label="2.3 (e)",
        title="Does the gradient norm explain it?",
        asked="Does the behaviour of the gradient’s norm explain the performance?",
        studies=ARCHITECTURES,
        answers=(architectures.gradient_explains,),
        code="""\
thin = NetworkConfiguration(dense_hiddens=(64,) * 53)
trainer.network = Trainer.create_mlp(784, thin, n_classes=10, activation=nn.ReLU())
trainer.compute_loss_and_accuracy(X, y)[0].backward()  # of the first minibatch
linear = [layer for layer in trainer.network if isinstance(layer, nn.Linear)]
print([f"{Trainer.compute_gradient_norm(layer):.1e}" for layer in linear[::9]])""",
    ),
    Question(
        name="2.4",
        title="A CNN of the same size: the kernel",
        asked="Three convolutions of 16, 32 and 45 filters, stride 1, no padding, two dense layers "
        "of 256: find the kernel size that keeps about the same number of parameters, and train "
        "the network.",
        points=2,
        bonus=True,
        studies=ARCHITECTURES,
        answers=(architectures.convolutional,),
        code="""\
print(solve(CNNBudget(channels=(16, 32, 45), kernel_sizes=(Unknown(),)), 269_322).within)""",
    ),
    Question(
        name="2.4a",
        label="2.4 (a)",
        title="CNN and MLP in one figure",
        asked="Show the performance of this CNN and of the MLP that is not deep.",
        studies=ARCHITECTURES,
        answers=(architectures.convolutional_curves,),
    ),
    Question(
        name="2.4b",
        label="2.4 (b)",
        title="Which one is better, and which generalises",
        asked="Which works best, and what can be said of how the two architectures generalise?",
        studies=ARCHITECTURES,
        answers=(architectures.which_is_better,),
    ),
    Question(
        name="2.5a",
        label="2.5 (a)",
        title="The deep CNN of 1 × 1 kernels",
        asked="Four convolutions of 8, 16, 32 and 64 filters with kernels of size 1: how do such "
        "layers relate to fully connected ones?",
        points=5,
        bonus=True,
        answers=(sizes.pointwise,),
        code="""\
convolution, dense = nn.Conv2d(8, 16, 1), nn.Linear(8, 16)
dense.load_state_dict({"weight": convolution.weight[:, :, 0, 0], "bias": convolution.bias})
x = torch.randn(4, 8, 14, 14)
print((convolution(x) - dense(x.movedim(1, -1)).movedim(-1, 1)).abs().max())""",
    ),
    Question(
        name="2.5b",
        label="2.5 (b)",
        title="The CNN of one 28 × 28 convolution",
        asked="One convolution with a kernel as large as the image, with as many channels as keep "
        "the number of parameters: how does such a layer relate to a fully connected one?",
        answers=(architectures.whole_image,),
        code="""\
print(solve(CNNBudget(channels=(Unknown(),), kernel_sizes=(28,)), 269_322).within)""",
    ),
    Question(
        name="2.5c",
        label="2.5 (c)",
        title="The three CNNs compared",
        asked="Train both for 50 epochs with batches of 128 and show the train and validation "
        "accuracies of the three kinds of CNN. How do performance and generalisation compare, and "
        "what is the hypothesis about their behaviour?",
        studies=ARCHITECTURES,
        answers=(architectures.three_kinds,),
    ),
)


def summary(lab: LabReport) -> Iterator[str]:
    """What came out of part 2."""
    yield from normalization.summary(lab)
    yield from architectures.summary(lab)


LAB = Lab(
    **heading("ift3395-devoir3"),
    parts=(
        Part(
            name="part-1",
            title="1 · Training networks by automatic differentiation (35 points)",
            introduction="The assignment leaves eleven functions to complete. Each answer shows "
            "ours as it stands in the library, and checks it against another way to the same "
            "number while this document is written.",
            questions=PART_1,
        ),
        Part(
            name="part-2",
            title="2 · Experiments on Fashion-MNIST (20 bonus points)",
            introduction="60,000 images train, the first 2,000 test images validate and the other "
            "8,000 test. Unless said otherwise: 50 epochs of Adam with learning rate 0.0001, "
            "batches of 128 in the order of the file, the template’s seed 197331. The assignment "
            "asks for this one seed: nothing below says what another would give. Chance is how far "
            "two accuracies may differ by the choice of the images alone, at 95 % (binomial).",
            questions=PART_2,
        ),
    ),
    summary=summary,
    answers_in_code=True,
    imports=IMPORTS,
)
