"""What the document's own run printed (INF8225, TP1, 2025, part 2), to set beside our records.

One model per cell, another random split, other initial weights. Percent, as printed.
"""

LEARNING_RATES = (0.1, 0.01, 0.001)
BATCH_SIZES = (1, 20, 200, 1000)

VALIDATION = {
    "sgd": (
        (81.433, 83.433, 82.150, 80.517),
        (85.733, 83.533, 80.900, 77.433),
        (84.150, 84.667, 84.633, 76.683),
    ),
    "adam": (
        (80.617, 83.133, 83.617, 84.050),
        (80.017, 83.317, 83.917, 84.800),
        (83.817, 85.400, 85.133, 81.117),
    ),
}
"""Its tables: rows are learning rates, columns batch sizes."""

PRINTED_ELSEWHERE = {("sgd", 0.1, 20): 83.083, ("sgd", 0.1, 200): 78.633}
"""Cells whose training, as the document prints it, ended with another number than its table has."""

BEST = {"sgd": (0.01, 1), "adam": (0.001, 20)}
TRAINED_AGAIN = {"sgd": 84.567, "adam": 84.800}
"""The validation accuracy of the best cell when the document trained it a second time."""

TEST = {"sgd": 83.120, "adam": 83.870}
HOURS = 3


def validation(optimizer: str, learning_rate: float, batch_size: int) -> float | None:
    """The document's validation accuracy of a cell, a fraction; None where it has none."""
    if optimizer not in VALIDATION or learning_rate not in LEARNING_RATES:
        return None
    if batch_size not in BATCH_SIZES:
        return None
    row = VALIDATION[optimizer][LEARNING_RATES.index(learning_rate)]
    return row[BATCH_SIZES.index(batch_size)] / 100
