"""Training what the records of a lab lack: a plan with its predicted time, then study by study."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from retroprop.errors import UserError
from retroprop.studies.environment import usable_cores
from retroprop.studies.plan import Plan, plan_study
from retroprop.studies.pools import Display, Engine
from retroprop.studies.records import Records, StudyRunRecord
from retroprop.studies.runner import run_study, study_runs_of
from retroprop.studies.schema import load_study
from retroprop.studies.search import check_library
from retroprop.training.settings import checked_precision


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """A study of a lab, and how much of it is recorded.

    Attributes:
        name: The study's name.
        plan: Its models, at the size that is wanted.
        done: How many of its models are finished, of those recorded with the same settings.
    """

    name: str
    plan: Plan
    done: int

    @property
    def models(self) -> int:
        """How many models the study has."""
        return len(self.plan.runs)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train."""
        return self.done == self.models

    def predicted_s(self, workers: int) -> float:
        """A rough guess of the seconds that are left; 0 where nothing is."""
        return self.plan.predicted_s(workers) * (1 - self.done / self.models)


def plan_lab(
    studies: Sequence[str], records: Records | None, size: str, precision: str | None = None
) -> list[StudyPlan]:
    """What there is to train for a lab.

    Args:
        studies: Names of its studies.
        records: What is recorded; None for nothing.
        size: "smoke", "laptop" or "full".
        precision: In place of that of the studies, where their models can have it.

    Raises:
        UserError: If the size or the precision is unknown.
    """
    wanted = None if precision is None else checked_precision(precision)
    plans = []
    for name in studies:
        study = load_study(name, size=size)
        if wanted is not None:
            with contextlib.suppress(UserError):  # its models cannot have it
                study = load_study(name, size=size, changes=[f"training.precision={wanted}"])
        plan = plan_study(study)
        plans.append(StudyPlan(name=name, plan=plan, done=_done(records, plan)))
    return plans


def _done(records: Records | None, plan: Plan) -> int:
    """How many models of the newest run with the same settings need no more training."""
    if records is None:
        return 0
    same = study_runs_of(plan.study, records)
    if not same:
        return 0
    if same[-1].status == "finished":
        return len(plan.runs)  # of a search that ended by its seconds too
    runs = records.runs(same[-1].id, with_epochs=False)
    done = sum(run.ended for run in runs)
    return min(done, len(plan.runs) - 1)  # the test is left


def run_lab(
    plans: Sequence[StudyPlan],
    records: Records,
    engine: Engine,
    *,
    workers: int | None = None,
    device: str = "cpu",
    display: Display | None = None,
    store: str | None = None,
) -> list[StudyRunRecord]:
    """Train what is left of each study, in order, and return the study runs that it worked on.

    Raises:
        UserError: If a study cannot run: its data are not here, a device is missing.
        Interrupted: After Ctrl-C; every finished epoch is kept.
    """
    if any(one.plan.study.search and not one.finished for one in plans):
        check_library()  # before the studies that come first are trained
    return [
        run_study(
            one.plan.study,
            records,
            workers=workers,
            device=device,
            display=display,
            engine=engine,
            store=store,
        )
        for one in plans
        if not one.finished
    ]


def total_s(plans: Sequence[StudyPlan], workers: int | None = None) -> float:
    """A rough guess of the seconds that all studies together still take."""
    return sum(one.predicted_s(workers or usable_cores()) for one in plans)
