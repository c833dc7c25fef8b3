"""The table: every public layer, loss, optimizer, schedule and network of `byhand` and its twin.

A twin is written for one member of a population, with torch's own functions; a population must
equal its members one by one. A test fails when a public name of `byhand` is neither covered by a
row nor named in `HELPERS` with the reason.
"""

from collections.abc import Sequence

from retroprop.errors import UserError, did_you_mean, in_short
from retroprop.parity.image_layers import CONVOLUTION_ROWS, NORMALIZATION_ROWS, TOKEN_ROWS
from retroprop.parity.layers import ACTIVATION_ROWS, STRUCTURE_ROWS
from retroprop.parity.losses import LOSS_ROWS
from retroprop.parity.networks import BLOCK_ROWS, NETWORK_ROWS
from retroprop.parity.optimizers import OPTIMIZER_ROWS
from retroprop.parity.rows import KINDS, Row
from retroprop.parity.schedules import SCHEDULE_ROWS
from retroprop.parity.training import TRAINING_ROWS

TABLE: tuple[Row, ...] = (
    *ACTIVATION_ROWS,
    *STRUCTURE_ROWS,
    *CONVOLUTION_ROWS,
    *NORMALIZATION_ROWS,
    *TOKEN_ROWS,
    *BLOCK_ROWS,
    *LOSS_ROWS,
    *OPTIMIZER_ROWS,
    *SCHEDULE_ROWS,
    *NETWORK_ROWS,
    *TRAINING_ROWS,
)

HELPERS: dict[str, str] = {
    "layer.WithoutParameters": "a base class without a computation",
    "layer.Layer": "a protocol: what every row of kind layer keeps",
    "activations.Activation": "a base class without a computation",
    "activations.make_activation": "chooses a layer by its name; tests/byhand",
    "losses.one_hot": "a constant: nothing to differentiate; tests/byhand",
    "schedules.rate_factor": "chooses a schedule by its name: doctests, tests/training",
    "block.views": "memory layout; every row of FastMLP passes through it",
    "block.one_block": "memory layout; every row of FastMLP passes through it",
    "block.spread_over": "memory layout; tests/byhand",
    "mlp.initial_parameters": "random numbers: there is no gradient; tests/byhand",
    "softmax_regression.initial_weights": "random numbers: there is no gradient; tests/byhand",
    "online.train_one_by_one": "the steps of SGD and Adam in another order; tests/byhand",
    "online.sgd_one_by_one": "the steps of SGD in another order; tests/byhand",
    "online.adam_one_by_one": "the steps of Adam in another order; tests/byhand",
    "online.perceptron_one_by_one": "the steps of a perceptron at once; tests/byhand",
    "block_steps.block_size": "arithmetic of sizes; tests/byhand",
    "block_steps.train_network_in_blocks": "the steps of SGD in another order; tests/byhand",
    "convolution.Geometry": "arithmetic of sizes: a doctest, and every row of Conv2d uses it",
    "normalization.pieces": "cuts tensors; BatchNorm2d and LayerNorm have cases of several pieces",
    "optimizers.nearly_zero": "a constant, with a doctest: Adam and Adagrad begin there",
    "layer.WithoutInputGradient": "a protocol: fewer gradients of the same backward; tests/byhand",
    "layer.Buffered": "a protocol: state that no gradient reaches",
    "layer.below": "names of parameters: a doctest",
    "mlp_mixer.check_tiling": "refuses wrong sizes: a doctest",
    "cnn.cnn_parameters": "random numbers: there is no gradient; tests/byhand",
    "resnet18.resnet18_parameters": "random numbers: there is no gradient; tests/byhand",
    "mlp_mixer.mlp_mixer_parameters": "random numbers: there is no gradient; tests/byhand",
    "optimizers.Optimizer": "a base class without a computation",
}
"""Public names of `byhand` without a row of their own, each with the reason."""


def find_row(name: str, kinds: Sequence[str] = ()) -> Row:
    """The row of this name; capitals, hyphens and underscores do not matter.

    Args:
        name: What the table calls it, or nearly.
        kinds: Those of the rows that are suggested; all if there are none.

    Raises:
        UserError: If there is none, with a suggestion.
    """
    wanted = _plain(name)
    for row in TABLE:
        if _plain(row.name) == wanted:
            return row
    known = [row.name.lower() for row in TABLE if row.kind in (kinds or KINDS)]
    missing = f"{' or '.join(kinds or ['row'])} {in_short(name)} in the table"
    raise UserError(f"there is no {missing}. {did_you_mean(name, known)}")


def rows_of(kind: str) -> list[Row]:
    """All rows of one kind.

    Raises:
        UserError: If there is no such kind, with a suggestion.
    """
    if kind.lower() not in KINDS:
        raise UserError(f"there is no kind {kind!r}. {did_you_mean(kind, KINDS)}")
    return [row for row in TABLE if row.kind == kind.lower()]


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")
