"""The questions of part 3: the multilayer perceptron by hand."""

from retroprop.labs.inf8225_tp1 import answers_autograd
from retroprop.labs.inf8225_tp1 import answers_mlp as answers
from retroprop.labs.inf8225_tp1.answers_search import best_model, compared, search
from retroprop.report.lab_report import Part, Question

STUDY, DERIVATIONS, LOGISTIC = answers.STUDY, answers.DERIVATIONS, answers.LOGISTIC

MLP = Part(
    name="part-3",
    title="Part 3: a multilayer perceptron, by hand and by autograd",
    introduction="The assignment gives 10 points to a) and 15 to b). The loss, softmax and the "
    "data are those of part 2; the hidden layers have ReLU.",
    questions=(
        Question(
            name="3.a",
            label="a)",
            title="Backpropagation in pseudocode",
            asked="Give the pseudocode, with detailed matrix and vector computations, of the "
            "backpropagation that computes the gradient for the parameters of each layer from one "
            "training example.",
            answers=(answers.pseudocode, answers.why_each_line),
            points=10,
            code="""\
model = mlp.MLPModel(n_features=2, n_hidden_features=3, n_hidden_layers=1, n_classes=2)
x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0]])
model.backward(y, model.forward(x))""",
        ),
        Question(
            name="3.functions",
            label="b)",
            title="The functions to complete",
            asked="Implement the gradient-based optimisation of this network from the skeleton. "
            "First its functions: those of part 2, relu_forward, relu_backward and "
            "softmax_cross_entropy_backward.",
            answers=(answers.functions,),
            points=15,
            code="mlp.relu_backward(torch.tensor([-2.0, 0.0, 3.0]))",
        ),
        Question(
            name="3.model",
            label="b)",
            function="MLPModel.forward, backward",
            asked="The parameters of the network, its outputs for given inputs, and its gradients.",
            answers=(answers.model,),
            code="[theta.shape for theta in mlp.MLPModel(784, 300, 3, 10).params]",
        ),
        Question(
            name="3.updates",
            label="b)",
            function="sgd_update, adam_update, train",
            asked="The steps of SGD and of Adam, and the training loop.",
            answers=(answers.updates,),
            code="""\
train_loader, val_loader, _ = mlp.get_fashion_mnist_dataloaders(batch_size=200)
model = mlp.MLPModel(n_features=784, n_hidden_features=25, n_hidden_layers=1, n_classes=10)
mlp.train(
    model, lr=0.001, nb_epochs=1, sgd=False,
    data_loader_train=train_loader, data_loader_val=val_loader,
)[1]""",
        ),
        Question(
            name="3.gradients",
            label="b)",
            title="Our gradients beside autograd’s",
            asked="Compare your gradients with those of the same model by autograd.",
            answers=(answers_autograd.gradients,),
            code="""\
from retroprop.labs.inf8225_tp1 import checks
checks.mlp_gradients(depths=(1, 3), widths=(25, 100))""",
        ),
        Question(
            name="3.optimisation",
            label="b)",
            title="Our optimisation beside autograd’s",
            asked="Compare your optimisation with that of the same model by autograd.",
            answers=(answers_autograd.optimisation, answers_autograd.whole_epochs),
            studies=(DERIVATIONS,),
            code="""\
from retroprop.labs.inf8225_tp1 import checks
checks.mlp_steps("adam", depths=(1, 3), dtype=torch.float64)""",
        ),
        Question(
            name="3.speed",
            label="b)",
            title="Which is faster?",
            asked="Which of both is faster? Propose some experiments.",
            answers=(answers_autograd.speed,),
            studies=(DERIVATIONS,),
        ),
        Question(
            name="3.sgd-search",
            label="b), SGD",
            title="Depth and width",
            asked="Train networks of several depths and widths with SGD, and give the accuracy on "
            "validation in a table.",
            answers=(answers.setting, search(STUDY, "sgd", figures=True)),
            studies=(STUDY,),
        ),
        Question(
            name="3.sgd-best",
            label="b), SGD",
            title="The best model",
            asked="For the best network trained with SGD, show the curves of the loss and of the "
            "accuracy, and the accuracy on the test set.",
            answers=(best_model(STUDY, "sgd"),),
            studies=(STUDY,),
        ),
        Question(
            name="3.adam-search",
            label="b), Adam",
            title="Depth and width",
            asked="The same search with Adam.",
            answers=(search(STUDY, "adam", figures=True),),
            studies=(STUDY,),
        ),
        Question(
            name="3.adam-best",
            label="b), Adam",
            title="The best model",
            asked="The same analysis of the best Adam model.",
            answers=(best_model(STUDY, "adam"),),
            studies=(STUDY,),
        ),
        Question(
            name="3.compare",
            label="b), Adam",
            title="Adam beside the best SGD model",
            asked="Compare the final performances with those of the best SGD model.",
            answers=(compared(STUDY),),
            studies=(STUDY,),
        ),
        Question(
            name="3.discussion",
            label="b)",
            title="Widths and depths compared",
            asked="Compare models of different widths and depths. Use the test set only for the "
            "final experiment.",
            answers=(answers.discussion, answers.beside_the_linear_model),
            studies=(STUDY, LOGISTIC),
        ),
    ),
)
