"""The questions of part 2: logistic regression by hand, SGD and Adam."""

from retroprop.labs.inf8225_tp1 import answers_document as document
from retroprop.labs.inf8225_tp1 import answers_regression as functions
from retroprop.labs.inf8225_tp1.answers_search import (
    best_model,
    compared,
    rates_and_batches,
    search,
)
from retroprop.report.lab_report import Part, Question

STUDY = document.LOGISTIC

SMALL_RUN = """\
train_loader, val_loader, test_loader = regression.get_fashion_mnist_dataloaders(batch_size=200)
model = regression.LinearModel(num_features=784, num_classes=10)
best, accuracy, logger = regression.train(
    model, lr=0.001, nb_epochs=1, data_loader_train=train_loader, data_loader_val=val_loader
)
best is model  # a copy
"""


FUNCTIONS = (
    Question(
        name="2.theory",
        label="1",
        title="The gradient of the loss",
        asked="The assignment gives the gradient of the negative log-likelihood of softmax "
        "regression. Why is it so?",
        answers=(functions.theory,),
        code="""\
x, y = torch.rand(4, 784), torch.eye(10)[:4]
model = regression.LinearModel(784, 10)
model.get_grads(y, model.forward(x), x).shape""",
    ),
    Question(
        name="2.accuracy",
        label="1",
        function="accuracy",
        asked="Complete accuracy: how many examples are to be classified, how many are well "
        "classified, and their ratio.",
        answers=(functions.accuracy,),
        code="""\
y, y_pred = torch.eye(3), torch.tensor([[0.9, 0.1, 0], [0, 1, 0], [1, 0, 0]])
regression.accuracy(y, y_pred)""",
    ),
    Question(
        name="2.cross-entropy",
        label="1",
        function="cross_entropy",
        asked="Complete cross_entropy.",
        answers=(functions.cross_entropy,),
        code="regression.cross_entropy(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))",
    ),
    Question(
        name="2.softmax",
        label="1",
        function="softmax",
        asked="Complete softmax so that it is numerically stable, for [1000, 10000, 100000] for "
        "instance.",
        answers=(functions.softmax,),
        code="regression.softmax(torch.tensor([[1000, 10000, 100000]]))",
    ),
    Question(
        name="2.inputs-tilde",
        label="1",
        function="inputs_tilde",
        asked="Complete inputs_tilde: ones beside the inputs along an axis.",
        answers=(functions.inputs_tilde,),
        code="regression.inputs_tilde(torch.zeros(2, 3))",
    ),
    Question(
        name="2.forward",
        label="1",
        function="LinearModel.forward",
        asked="Complete LinearModel: the outputs for given inputs.",
        answers=(functions.forward,),
        code="regression.LinearModel(784, 10).forward(torch.rand(1, 784))",
    ),
    Question(
        name="2.gradient",
        label="1",
        function="LinearModel.get_grads",
        asked="Complete LinearModel: the gradients, without torch.autograd and without backward().",
        answers=(functions.gradient,),
        code="""\
from retroprop.labs.inf8225_tp1 import checks
checks.regression_gradient()  # largest difference from autograd and from central differences""",
    ),
    Question(
        name="2.sgd",
        label="1",
        function="LinearModel.sgd_update",
        asked="Complete LinearModel: the step of stochastic gradient descent.",
        answers=(functions.sgd,),
        code="""\
model = regression.LinearModel(784, 10)
model.sgd_update(0.01, torch.ones_like(model.params))
model.params.mean()""",
    ),
    Question(
        name="2.train",
        label="1",
        function="train",
        asked="Complete train: minibatches, an evaluation after each epoch, and the best model on "
        "validation.",
        answers=(functions.train,),
        code=SMALL_RUN,
    ),
)

EXPERIMENTS = (
    Question(
        name="2.sgd-search",
        label="2, SGD",
        title="Search for hyperparameters",
        asked="Train with SGD for several learning rates and batch sizes, and give the accuracy on "
        "validation in a table.",
        answers=(
            search(STUDY, "sgd"),
            rates_and_batches(STUDY, "sgd"),
            document.beside("sgd"),
        ),
        studies=(STUDY,),
    ),
    Question(
        name="2.sgd-best",
        label="2, SGD",
        title="The best model",
        asked="For the best model, show the mean negative log-likelihood and the accuracy after "
        "each epoch on the training and validation sets; then its accuracy on the test set.",
        answers=(best_model(STUDY, "sgd"), document.test_beside("sgd")),
        studies=(STUDY,),
    ),
    Question(
        name="2.adam",
        label="2, Adam",
        title="The paper, and the function adam_update",
        asked="Read Kingma & Ba, Adam: a method for stochastic optimization (2015), and implement "
        "it.",
        answers=(functions.adam,),
        code="""\
model = regression.LinearModel(784, 10)
before = model.params.clone()
model.adam_update(0.01, torch.randn_like(model.params))
(model.params - before).abs().max()  # the first step of each parameter is the learning rate""",
    ),
    Question(
        name="2.adam-search",
        label="2, Adam",
        title="Search for hyperparameters",
        asked="The same search with Adam.",
        answers=(
            search(STUDY, "adam"),
            rates_and_batches(STUDY, "adam"),
            document.beside("adam"),
        ),
        studies=(STUDY,),
    ),
    Question(
        name="2.adam-best",
        label="2, Adam",
        title="The best model",
        asked="The same analysis of the best Adam model.",
        answers=(best_model(STUDY, "adam"), document.test_beside("adam")),
        studies=(STUDY,),
    ),
    Question(
        name="2.compare",
        label="2, Adam",
        title="Adam beside the best SGD model",
        asked="Compare the final performances with those of the best SGD model.",
        answers=(compared(STUDY),),
        studies=(STUDY,),
    ),
    Question(
        name="2.analysis",
        label="2",
        title="Analysis of the results",
        asked="What do the results of this part show, all in all?",
        answers=(document.analysis, document.underfitting),
        studies=(STUDY, document.NETWORKS),
    ),
)

REGRESSION = Part(
    name="part-2",
    title="Part 2: logistic regression",
    introduction="The assignment gives 20 points to this part: “1” is the code to complete, “2” "
    "the report. The code is by hand, without torch.nn and without autograd; autograd only checks "
    "it here. The data are Fashion-MNIST, of which 54,000 images train and 6,000 validate; the "
    "test set is used once.",
    questions=(*FUNCTIONS, *EXPERIMENTS),
)
