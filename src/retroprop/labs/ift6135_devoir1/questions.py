"""IFT6135, devoir 1: every question of the assignment, in its order, and where its answer is made.

Problems 1 to 3 and question 4.1 are answered by the library's own code and by checks that are
computed while the document is written; questions 4.2 to 4.6 by the records of five studies.
"""

from collections.abc import Iterator

from retroprop.labs.assignments import heading
from retroprop.labs.ift6135_devoir1 import (
    answers_activation,
    answers_code,
    answers_mixer,
    answers_patches,
    answers_rates,
    answers_resnet,
)
from retroprop.labs.ift6135_devoir1.answers_activation import ACTIVATIONS
from retroprop.labs.ift6135_devoir1.answers_mixer import MIXER
from retroprop.labs.ift6135_devoir1.answers_patches import PATCHES
from retroprop.labs.ift6135_devoir1.answers_rates import RATES
from retroprop.labs.ift6135_devoir1.answers_resnet import RESNET
from retroprop.report.lab_report import Lab, LabReport, Part, Question

PROBLEM_1 = Part(
    name="problem-1",
    title="Problem 1: a multilayer perceptron",
    introduction="The assignment gives 5 points for the three questions together. The code shown "
    "is that of the library, without its docstrings and its refusals of wrong inputs.",
    questions=(
        Question(
            name="1.1",
            title="The linear layer",
            asked="Complete the class Linear, with the attributes weight and bias, and its "
            "forward.",
            answers=(answers_code.linear,),
            code="""\
layer = Linear(7, 5)
x = torch.randn(11, 7)
print((layer(x) - (x @ layer.weight.T + layer.bias)).abs().max())""",
        ),
        Question(
            name="1.2",
            title="The layers and their initial weights",
            asked="Complete _build_layers (hidden layers and output layer) and "
            "_initialize_linear_layer (biases 0, Xavier’s normal weights).",
            answers=(answers_code.build_layers,),
            code="""\
model = MLP(3072, [1024, 512, 64, 64], 10, activation="relu")
print([tuple(parameter.shape) for parameter in model.parameters()])
print(sum(parameter.numel() for parameter in model.parameters()), "parameters")""",
        ),
        Question(
            name="1.3",
            title="The activation function and the forward pass",
            asked="Complete activation_fn for the different activation functions, and forward.",
            answers=(answers_code.activations,),
            code="""\
images = torch.randn(4, 3, 32, 32)
print(model(images).shape)  # logits
print(model.activation_fn("tanh", torch.tensor([-1.0, 0.0, 1.0])))""",
        ),
    ),
)

PROBLEM_2 = Part(
    name="problem-2",
    title="Problem 2: ResNet-18",
    introduction="The assignment gives 15 points for the two questions together.",
    questions=(
        Question(
            name="2.1",
            title="The residual block",
            asked="Fill in the missing arguments of BasicBlock so that the shapes fit, and "
            "complete its forward.",
            answers=(answers_code.basic_block,),
            code="""\
block = BasicBlock(64, 128, stride=2)
print(block(torch.randn(2, 64, 32, 32)).shape)""",
        ),
        Question(
            name="2.2",
            title="The whole network",
            asked="Fill in the missing arguments of ResNet18, and complete its forward.",
            answers=(answers_code.resnet,),
            code="""\
summary = summarize(ResNet18(), (3, 32, 32))
for part in summary.grouped(1):
    print(part.name, part.output_shape, part.parameters)
print(summary.parameters, "parameters")""",
        ),
    ),
)

PROBLEM_3 = Part(
    name="problem-3",
    title="Problem 3: the MLP-Mixer",
    introduction="The assignment gives 20 points for the two questions together.",
    questions=(
        Question(
            name="3.1",
            title="Patches by a convolution",
            asked="Cut the image into patches and map each by the same linear layer: fill in the "
            "arguments of the convolution self.proj of PatchEmbed that does so.",
            answers=(answers_code.patch_embedding,),
            code="""\
embedding = PatchEmbed(img_size=256, patch_size=8, embed_dim=512)
tokens = embedding(torch.randn(1, 3, 256, 256))
print(embedding.num_patches, "patches; tokens", tuple(tokens.shape))
print("as a linear layer:", tuple(embedding.proj.weight.flatten(1).T.shape))""",
        ),
        Question(
            name="3.2",
            title="The Mixer block and the network",
            asked="Write MixerBlock and MLPMixer after the drawing of the architecture.",
            answers=(answers_code.mixer,),
            code="""\
mixer = MLPMixer(num_classes=10, img_size=32, patch_size=4, embed_dim=256, num_blocks=4)
print(mixer(torch.randn(2, 3, 32, 32)).shape)
print(sum(parameter.numel() for parameter in mixer.parameters()), "parameters")""",
        ),
    ),
)

PROBLEM_4 = Part(
    name="problem-4",
    title="Problem 4: training the models",
    introduction="Every model trains on images of CIFAR-10, mirrored and cropped at random; the "
    "assignment asks for ten epochs or more. Accuracies on train are means over an epoch, while "
    "the model was learning and on images as they were cropped: they may lie below those on "
    "validation. Where there is one seed, a difference is called noise when the choice of the "
    "validation images alone can explain it (95 %, binomial); another seed may change more.",
    questions=(
        Question(
            name="4.1",
            title="The cross-entropy",
            asked="Write cross_entropy_loss without torch’s own cross-entropy.",
            answers=(answers_code.cross_entropy,),
            points=5,
            code="""\
logits, labels = torch.randn(128, 10), torch.randint(10, (128,))
print(cross_entropy_loss(logits, labels), torch.nn.functional.cross_entropy(logits, labels))
print(cross_entropy_loss(1e5 * logits, labels))  # no overflow""",
        ),
        Question(
            name="4.2",
            title="The activation function of the MLP",
            asked="Train the MLP with different activation functions and all else at its default. "
            "Show train and validation loss and accuracy over the epochs in four figures. Which is "
            "best, and why?",
            answers=(answers_activation.nonlinearity, answers_activation.why_nonlinearity),
            studies=(ACTIVATIONS,),
            points=10,
            code="""\
for model in models_of("ift6135-activations"):
    print(model.cell, model.best_validation_accuracy)""",
        ),
        Question(
            name="4.3",
            title="The learning rate of ResNet-18",
            asked="Train ResNet-18 by Adam with learning rates of 0.1, 0.01, 0.001, 0.0001 and "
            "0.00001; show the figures and explain the results.",
            answers=(answers_rates.learning_rates, answers_rates.why_learning_rates),
            studies=(RATES,),
            points=10,
            code="""\
for model in models_of("ift6135-resnet18-rates"):
    print(model.cell, [epoch.validation_loss for epoch in model.epochs])""",
        ),
        Question(
            name="4.4",
            title="The patches of the MLP-Mixer",
            asked="Train the MLP-Mixer with at least three sizes of patches; show the figures and "
            "explain them. What does the size change in the number of parameters and in the "
            "running time?",
            answers=(
                answers_patches.patch_sizes,
                answers_patches.why_patch_sizes,
                answers_patches.patch_costs,
            ),
            studies=(PATCHES,),
            points=15,
            code="""\
for patch in (2, 4, 8, 16, 32):
    summary = summarize(MLPMixer(10, 32, patch, 256, 4), (3, 32, 32))
    print(patch, summary.parameters, "parameters,", summary.multiply_adds, "multiplications")""",
        ),
        Question(
            name="4.5",
            title="The best ResNet-18 and its kernels",
            asked="Search the hyperparameters of the best ResNet-18 and report them. Draw the 64 "
            "kernels of its first layer, say how they were drawn, and comment on them.",
            answers=(answers_resnet.best_resnet, answers_resnet.kernels),
            studies=(RESNET,),
            points=10,
            code="""\
kernels = best_weights("ift6135-resnet18-best", "conv1.weight")
first_layer_kernels(kernels).savefig("kernels.png")
print(kernels.shape)""",
        ),
        Question(
            name="4.6",
            title="The best Mixer with patches of 4 × 4, and its filters",
            asked="Search the hyperparameters of the best MLP-Mixer with patches of 4 × 4 and "
            "report all of them. Draw the first token-mixing weights of the first block, compare "
            "them with the kernels of the convolution, and explain why the Mixer works, above all "
            "beside plain MLPs.",
            answers=(answers_mixer.best_mixer, answers_mixer.filters, answers_mixer.why_mixer),
            studies=(MIXER, PATCHES),
            points=10,
            code="""\
filters = best_weights("ift6135-mixer-best", "blocks.0.mlp_tokens.fc1.weight")
token_mixing_filters(filters).savefig("filters.png")
filtered_pictures(bundled_picture(), filters).savefig("filtered.png")""",
        ),
    ),
)


def summary(lab: LabReport) -> Iterator[str]:
    """What came out, a sentence for each study that is recorded."""
    say = lab.say
    for study, key, text in (
        (
            ACTIVATIONS,
            "activation",
            say("Activation function of the MLP: {name}, {result}{noise}."),
        ),
        (
            RATES,
            "learning_rate",
            say("Learning rate of ResNet-18 with Adam: {name}, {result}{noise}."),
        ),
        (PATCHES, "patch_size", say("Patch size of the MLP-Mixer: {name}, {result}{noise}.")),
        (RESNET, "", say("Best ResNet-18: {result}; the document reports 94.6%.")),
        (
            MIXER,
            "",
            say("Best MLP-Mixer with patches of 4 × 4: {result}; the document reports 86.8%."),
        ),
    ):
        report = lab.find_study(study)
        best = report.best_cell if report is not None else None
        if report is None or best is None or best.mean is None:
            continue
        others = sorted(
            (cell for cell in report.cells if cell.mean is not None and cell.key != best.key),
            key=lambda cell: -(cell.mean or 0.0),
        )
        noise = ""
        if key and others:
            noise = (
                say(", ahead of the next by more than noise")
                if report.verdict(best, others[0]).sign > 0
                else say(", not ahead of the next by more than noise")
            )
        yield text.format(
            name=report.setting(key, best.cell[key]) if key in best.cell else "",
            result=say("{accuracy} on validation ({n} training images)").format(
                accuracy=lab.numbers.percent(best.mean),
                n=lab.numbers.integer(report.train_images or 0),
            ),
            noise=noise,
        )


LAB = Lab(
    **heading("ift6135-devoir1"),
    parts=(PROBLEM_1, PROBLEM_2, PROBLEM_3, PROBLEM_4),
    summary=summary,
    answers_in_code=True,
    imports="""\
import torch

from retroprop.data.pictures import bundled_picture
from retroprop.figures.kernels import first_layer_kernels
from retroprop.figures.token_mixing import filtered_pictures, token_mixing_filters
from retroprop.labs.ift6135_devoir1.mlp import MLP, Linear
from retroprop.labs.ift6135_devoir1.mlpmixer import MLPMixer, PatchEmbed
from retroprop.labs.ift6135_devoir1.resnet18 import BasicBlock, ResNet18
from retroprop.labs.ift6135_devoir1.utils import cross_entropy_loss
from retroprop.models.summary import summarize
from retroprop.report.weights import trained_weights


def models_of(study):
    \"\"\"The trained models of a study of the assignment.\"\"\"
    return lab.study(study).runs


def best_weights(study, name):
    \"\"\"A tensor of the best model of a study, from the very file that was recorded.\"\"\"
    report = lab.study(study)
    best = max(report.runs, key=lambda model: model.best_validation_accuracy or 0)
    return trained_weights(report, best, name)""",
)
