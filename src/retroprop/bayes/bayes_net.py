"""The network that answers questions: all that people do with one is a method of it.

A method is the function of that name, and is explained where its subject is: inference in
`queries`, `explanation`, `sampling` and `compiled`, notation in `notation`, causes in `separation`,
`identification`, `effects` and `counterfactuals`, data in `learning`, files in `files`. They know
the `Network` below; only this module knows them all.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from retroprop.bayes.compiled import CompiledQuery
from retroprop.bayes.counterfactuals import counterfactual
from retroprop.bayes.effects import average_causal_effect
from retroprop.bayes.explanation import most_probable_explanation
from retroprop.bayes.files import Format, read_description, write_network
from retroprop.bayes.files.source import LIMITS, Limits
from retroprop.bayes.identification import backdoor_sets, frontdoor_sets
from retroprop.bayes.learning import em, fit
from retroprop.bayes.network import Network
from retroprop.bayes.notation import ask
from retroprop.bayes.queries import Inference, inference_of, log_evidence, posteriors, query
from retroprop.bayes.sampling import sample
from retroprop.bayes.separation import d_separated
from retroprop.bayes.validation import TOLERANCE


class BayesNet(Network):
    """An immutable discrete Bayesian network.

    >>> net = BayesNet({"rain": ([0.8, 0.2], []), "wet": ([[0.9, 0.1], [0.2, 0.8]], ["rain"])})
    >>> net.ask("P(rain=1 | wet=1)")
    0.6666666666666666
    """

    query = query
    posteriors = posteriors
    log_evidence = log_evidence
    mpe = most_probable_explanation
    sample = sample
    ask = ask

    d_separated = d_separated
    backdoor_sets = backdoor_sets
    frontdoor_sets = frontdoor_sets
    average_causal_effect = average_causal_effect
    counterfactual = counterfactual

    fit = fit
    em = em
    write = write_network

    @property
    def inference(self) -> Inference:
        """Plans and orders that the network has worked out so far."""
        return inference_of(self)

    def compile(
        self,
        targets: str | Sequence[str] | None,
        given: Sequence[str] = (),
        do: Sequence[str] = (),
        soft: Sequence[str] = (),
        memory: int | None = None,
        device: str | None = None,
    ) -> CompiledQuery:
        """A query prepared for many calls: `plan = net.compile("G", given=["R"]); plan(R=1)`.

        A thorough search for the best order is made once, and what depends on little evidence is
        tabulated. The call takes states, or columns of them, by keyword.

        Args:
            targets: One variable or several; None asks every one, as `posteriors` does.
            given: Names of the variables that will be observed.
            do: Names of the variables that interventions will fix.
            soft: Names of the variables that will have soft evidence.
            memory: As for `query`.
            device: A torch device on which batches run ("cpu", "cuda"); NumPy where it is None.

        Raises:
            UserError: For unknown names, a name with two roles, or more memory than allowed.
        """
        return CompiledQuery(self, targets, given, do, soft, memory, device)

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        format: Format | None = None,
        tolerance: float = TOLERANCE,
        limits: Limits = LIMITS,
    ) -> Self:
        """Read a network from a file: BIF, XMLBIF, UAI, JSON, Hugin's NET or GeNIe's XDSL.

        Args:
            path: The file; gzipped or not.
            format: One of `files.FORMATS`; by the suffix when left out.
            tolerance: How far from 1 the sum of a row may be; it is then divided by its sum.
            limits: What the file may cost.

        Raises:
            UserError: If the file cannot be read, is malformed (with line and column) or too large.

        Warns:
            DoubtfulFile: If the file shows that it was probably meant otherwise.
        """
        read = read_description(path, format=format, tolerance=tolerance, limits=limits)
        return cls(read.spec, read.states)
