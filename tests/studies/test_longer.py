"""More epochs for a finished study run: the numbers of a training that was never interrupted."""

import pytest
from small import Listening, numbers, small_study

from retroprop.files import checksum_of
from retroprop.studies import longer
from retroprop.studies.plan import plan_study
from retroprop.studies.processes import WorkerProcesses
from retroprop.studies.records import Records
from retroprop.studies.runner import run_study
from retroprop.studies.transfer import export_records, import_records
from retroprop.studies.whole_runs import CONTINUES, read_whole

NETWORK = {
    "dataset": "cifar10-sample",
    "split": {"validation": 0.2, "seed": 1, "images": 120},
    "seeds": [0],
    "model": {"kind": "network"},
    "training": {"architecture": "mlp 8", "batch_size": 40, "augmentation": "flip-crop"},
    "grid": {"optimizer": ["adam", "momentum"], "learning_rate": [0.01]},
}


@pytest.fixture(scope="module")
def processes(shared_cache):
    """Workers for all tests of this module: each takes seconds to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETROPROP_CACHE", str(shared_cache))
        with WorkerProcesses() as shared:
            yield shared


@pytest.fixture
def execute(tmp_path, processes):
    """Run a study in the records of a name; its record, the records, and what was said."""

    def run(where, study, **options):
        (tmp_path / where).mkdir(exist_ok=True)
        records = Records.open(tmp_path / where / "r.db")
        said = Listening()
        done = run_study(study, records, workers=1, display=said, engine=processes, **options)
        return done, records, said.notes

    return run


def best_files(records, study_run):
    return {
        run.population: checksum_of(records.folder / run.checkpoint)
        for run in read_whole(records, study_run.id).runs
    }


@pytest.mark.parametrize("changes", [{}, NETWORK], ids=["population", "network"])
def test_more_epochs_give_the_numbers_of_an_uninterrupted_training(execute, changes):
    first, records, _ = execute("here", small_study(epochs=2, **changes))
    before = read_whole(records, first.id)
    result, _, notes = execute("here", small_study(epochs=4, **changes))
    assert notes == [f"{first.id} has 2 of these 4 epochs: its models go on from there."]
    at_once, others, _ = execute("there", small_study(epochs=4, **changes))
    assert result.id == at_once.id
    assert numbers(records, result.id) == numbers(others, at_once.id)
    if not changes:  # files of networks name their study run alone
        assert best_files(records, result) == best_files(others, at_once)
    assert read_whole(records, first.id) == before
    assert result.sessions[0].environment[CONTINUES] == first.id
    assert CONTINUES not in result.sessions[-1].environment


def test_a_longer_study_trains_only_the_epochs_that_are_missing(execute, tmp_path, processes):
    _, records, _ = execute("here", small_study(epochs=2))
    trained = []
    run_study(
        small_study(epochs=3),
        records,
        workers=1,
        display=Listening(lambda report: trained.append(report.updates[0].epoch.epoch)),
        engine=processes,
    )
    assert trained == [3, 3]  # of two populations


def test_a_longer_study_that_was_continued_is_continued_again(execute):
    for epochs in (1, 2, 4):
        result, records, _ = execute("here", small_study(epochs=epochs))
    at_once, others, _ = execute("there", small_study(epochs=4))
    assert numbers(records, result.id) == numbers(others, at_once.id)


def test_a_schedule_over_all_epochs_begins_again(execute):
    schedule = {"training": {"batch_size": 100, "schedule": "warmup-cosine"}}
    first, _, _ = execute("here", small_study(epochs=1, **schedule))
    result, records, notes = execute("here", small_study(epochs=2, **schedule))
    assert notes == [
        f"{first.id} has 1 of these 2 epochs, and cannot go on: a learning rate of schedule "
        "warmup-cosine depends on the number of epochs. A new run starts."
    ]
    at_once, others, _ = execute("there", small_study(epochs=2, **schedule))
    assert numbers(records, result.id) == numbers(others, at_once.id)
    assert not list((records.folder / "checkpoints").rglob("state-*"))  # nobody could need them


def test_where_a_grid_varies_the_schedule_the_constant_ones_go_on(execute):
    grid = {"grid": {"schedule": ["constant", "warmup-cosine"], "learning_rate": [0.01]}}
    execute("here", small_study(epochs=1, **grid))
    result, records, notes = execute("here", small_study(epochs=2, **grid))
    assert "1 of its 2 populations go on from there, and the others begin again" in notes[0]
    at_once, others, _ = execute("there", small_study(epochs=2, **grid))
    assert numbers(records, result.id) == numbers(others, at_once.id)


def test_a_network_that_lost_its_patience_stays_as_it_is(execute):
    changes = NETWORK | {
        "training": {**NETWORK["training"], "patience": 1},
        "grid": {"learning_rate": [1e-9]},  # nothing gets better
    }
    first, records, _ = execute("here", small_study(epochs=3, **changes))
    ended = read_whole(records, first.id).runs[0]
    assert len(ended.epochs) == 2
    result, _, _ = execute("here", small_study(epochs=6, **changes))
    (run,) = read_whole(records, result.id).runs
    assert (run.status, run.epochs) == ("finished", ended.epochs)


def test_diverged_models_stay_diverged(execute):
    grid = {"grid": {"learning_rate": [1e38, 0.01]}}
    execute("here", small_study(epochs=2, **grid))
    result, records, _ = execute("here", small_study(epochs=4, **grid))
    at_once, others, _ = execute("there", small_study(epochs=4, **grid))
    assert "diverged" in {run.status for run in read_whole(records, result.id).runs}
    assert numbers(records, result.id) == numbers(others, at_once.id)


def test_a_state_that_is_gone_or_damaged_begins_again(execute):
    first, records, _ = execute("here", small_study(epochs=1))
    for state in (records.folder / "checkpoints").rglob("state-*"):
        state.write_bytes(b"damaged")
    _, _, notes = execute("here", small_study(epochs=2))
    assert f"{first.id} has 1 of these 2 epochs, and cannot go on: the state" in notes[0]


def test_fresh_begins_again_without_a_word(execute):
    execute("here", small_study(epochs=1))
    result, _, notes = execute("here", small_study(epochs=2), fresh=True)
    assert notes == []
    assert len(result.sessions) == 1


def test_kept_states_survive_the_same_command_and_have_a_bound(execute):
    _, records, _ = execute("here", small_study(epochs=1))
    states = sorted((records.folder / "checkpoints").rglob("state-*"))
    assert len(states) == 2
    execute("here", small_study(epochs=1))
    assert sorted((records.folder / "checkpoints").rglob("state-*")) == states
    assert [state.name for state in states] == ["state-00001.safetensors"] * 2
    study = small_study()
    population, _ = plan_study(study).populations
    assert longer.is_kept(longer.KEPT_BYTES // 2, study, population)
    assert not longer.is_kept(longer.KEPT_BYTES // 2 + 1, study, population)


def test_an_imported_study_run_has_no_state_to_go_on_from(execute, tmp_path):
    _, records, _ = execute("here", small_study(epochs=1))
    export_records(records, tmp_path / "x.zip")
    (tmp_path / "there").mkdir()
    others = Records.open(tmp_path / "there" / "r.db")
    import_records(others, str(tmp_path / "x.zip"))
    result, _, notes = execute("there", small_study(epochs=2))
    assert "no file of records has it" in notes[0]
    at_once, mine, _ = execute("here", small_study(epochs=2))
    assert numbers(others, result.id) == numbers(mine, at_once.id)
