"""Studies: read one from a file or a dictionary, train it, and read its records."""

from typing import TYPE_CHECKING

from retroprop.lazy import offers

if TYPE_CHECKING:
    from retroprop.studies.kinds import KINDS, OPTIMIZERS, Kind, settings_of_kind
    from retroprop.studies.plan import Plan, plan_study
    from retroprop.studies.records import Records, RunRecord, StudyRunRecord
    from retroprop.studies.rows import epoch_rows, model_rows
    from retroprop.studies.run_models import TrainedModel, find_model
    from retroprop.studies.runner import Display, run_study
    from retroprop.studies.schema import SIZES, Study, catalog_names, load_study, study_from
    from retroprop.studies.study_data import StudyData
    from retroprop.studies.summary import (
        CellSummary,
        Curve,
        Verdict,
        best_cell,
        best_cells,
        curve,
        summarise_cells,
        verdict,
    )

__all__ = [
    "KINDS",
    "OPTIMIZERS",
    "SIZES",
    "CellSummary",
    "Curve",
    "Display",
    "Kind",
    "Plan",
    "Records",
    "RunRecord",
    "Study",
    "StudyData",
    "StudyRunRecord",
    "TrainedModel",
    "Verdict",
    "best_cell",
    "best_cells",
    "catalog_names",
    "curve",
    "epoch_rows",
    "find_model",
    "load_study",
    "model_rows",
    "plan_study",
    "run_study",
    "settings_of_kind",
    "study_from",
    "summarise_cells",
    "verdict",
]

__getattr__, __dir__ = offers(
    __name__,
    {
        "kinds": ["KINDS", "OPTIMIZERS", "Kind", "settings_of_kind"],
        "plan": ["Plan", "plan_study"],
        "records": ["Records", "RunRecord", "StudyRunRecord"],
        "rows": ["epoch_rows", "model_rows"],
        "run_models": ["TrainedModel", "find_model"],
        "runner": ["Display", "run_study"],
        "schema": ["SIZES", "Study", "catalog_names", "load_study", "study_from"],
        "study_data": ["StudyData"],
        "summary": [
            "CellSummary",
            "Curve",
            "Verdict",
            "best_cell",
            "best_cells",
            "curve",
            "summarise_cells",
            "verdict",
        ],
    },
)
