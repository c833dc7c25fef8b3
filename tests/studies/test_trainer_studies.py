"""Studies of networks that the trainer trains: planned, refused, run, killed and resumed."""

import os

import pytest
from small import SMALL, Listening, small_study

from retroprop.data import load
from retroprop.errors import UserError
from retroprop.studies.kinds import KINDS, recorded
from retroprop.studies.plan import plan_study
from retroprop.studies.processes import WorkerProcesses
from retroprop.studies.records import Records
from retroprop.studies.runner import run_study
from retroprop.studies.schema import load_study, study_from

NETWORK = {
    "split": {"validation": 0.2, "seed": 1, "images": 300, "validation_images": 100},
    "epochs": 6,
    "seeds": [5],
    "model": {"kind": "network"},
    "training": {"architecture": "mlp 12", "batch_size": 50, "patience": 2},
    "grid": {"optimizer": ["sgd", "nesterov"], "learning_rate": [0.01, 1e-12, 1e30]},
    "selection": {"best_per": ["optimizer", "learning_rate"]},
}
EPOCHS = 12


def mixers(**changes):
    """The smoke size of a study of the catalog, longer: dropout, augmentation, bfloat16."""
    return load_study(
        "ift6135-mixer-patches",
        size="smoke",
        epochs=EPOCHS,
        changes=["training.embedding=8", "training.drop_rate=0.1", "split.images=128"],
        **changes,
    )


def outcome(records, study_run_id):
    """Everything that must be equal between two executions of a study: all but times and ids."""
    runs = []
    for run in records.runs(study_run_id):
        epochs = [
            {k: v for k, v in vars(epoch).items() if not k.endswith("_s")} for epoch in run.epochs
        ]
        apart = {"id", "study_run_id", "epochs", "checkpoint", "state_sha256"}  # it has seconds
        runs.append(({k: v for k, v in vars(run).items() if k not in apart}, epochs))
    return runs


@pytest.fixture(scope="module")
def processes(shared_cache):
    """Workers for all tests of this module: each takes seconds to start."""
    os.environ["RETROPROP_CACHE"] = str(shared_cache)
    with WorkerProcesses() as shared:
        yield shared


@pytest.fixture(scope="module")
def ended(tmp_path_factory, processes):
    """The runs of the study of networks, by optimizer and learning rate."""
    records = Records.open(tmp_path_factory.mktemp("network") / "r.db")
    result = run_study(small_study(**NETWORK), records, workers=1, engine=processes)
    assert result.status == "finished"
    return {tuple(run.cell.values()): run for run in records.runs(result.id)}


@pytest.fixture(scope="module")
def expected(tmp_path_factory, processes):
    """The numbers of an uninterrupted run of the mixers."""
    records = Records.open(tmp_path_factory.mktemp("mixers") / "r.db")
    return outcome(records, run_study(mixers(), records, workers=1, engine=processes).id)


# --- the plan -------------------------------------------------------------------------------------


def test_each_network_is_a_population_of_its_own():
    plan = plan_study(small_study(**NETWORK))
    assert [population.name for population in plan.populations] == [
        f"optimizer={optimizer},learning_rate={rate},seed=5"
        for optimizer in ("sgd", "nesterov")
        for rate in (0.01, 1e-12, 1e30)
    ]
    for population in plan.populations:
        (run,) = population.runs
        assert run.population == population.name
        assert population.settings.learning_rates == (run.settings["learning_rate"],)
        assert (run.settings["kind"], run.settings["derivation"]) == ("network", "autograd")


def test_names_of_architectures_make_folders_and_seeds_stay_apart():
    grid = {"architecture": ["mlp 12", "cnn 4 k3 dense 8"]}
    plan = plan_study(small_study(**NETWORK | {"grid": grid, "seeds": [0, 1], "selection": {}}))
    assert [population.name for population in plan.populations] == [
        "architecture=mlp_12,seed=0",
        "architecture=mlp_12,seed=1",
        "architecture=cnn_4_k3_dense_8,seed=0",
        "architecture=cnn_4_k3_dense_8,seed=1",
    ]


def test_settings_are_those_of_the_kind():
    of_network = recorded(small_study(**NETWORK).settings({}))
    assert "patch_size" not in of_network
    assert "initial_scale" not in of_network
    assert (of_network["activation"], of_network["patience"]) == ("relu", 2)
    resnet = recorded(load_study("ift6135-resnet18-rates").settings({"learning_rate": 0.1}))
    assert "activation" not in resnet
    assert "architecture" not in resnet


def test_a_mixer_has_gelu_unless_the_study_says_otherwise():
    for name in ("ift6135-mixer-patches", "ift6135-mixer-best"):
        assert load_study(name).settings({}).activation == "gelu"
    own = {"model": {"kind": "mlp-mixer"}, "grid": {"patch_size": [4, 8]}, "selection": {}}
    assert small_study(**own).settings({}).activation == "gelu"
    relu = small_study(**own | {"training": {"batch_size": 100, "activation": "relu"}})
    assert relu.settings({}).activation == "relu"
    assert relu.fingerprint != small_study(**own).fingerprint
    both = small_study(**own | {"grid": {"activation": ["relu", "gelu"]}})
    assert both.settings({"activation": "relu"}).activation == "relu"


def test_every_size_that_is_planned_is_predicted():
    for kind, more in (
        ("network", {"architecture": ["mlp 20", "mlp 2000", "cnn 8-8 k3", "cnn 64-64 k3"]}),
        ("mlp-mixer", {"embedding": [8, 800]}),
    ):
        study = small_study(model={"kind": kind}, grid=more, selection={}, seeds=[0])
        seconds = [population.predicted_s for population in plan_study(study).populations]
        pairs = list(zip(seconds[::2], seconds[1::2], strict=True))
        assert all(0 < small < large for small, large in pairs)


# --- what is refused ------------------------------------------------------------------------------

IN_COLOUR = {"dataset": "cifar10-sample"}
IN_GREY = {"dataset": "fashion-mnist"}


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("resnet18", {"training": {"activation": "relu"}}, "training.activation does not apply"),
        ("resnet18", {"grid": {"patch_size": [2, 4]}}, "grid.patch_size does not apply"),
        ("network", {"training": {"patch_size": 4}}, "training.patch_size does not apply"),
        ("network", {"grid": {"width": [1, 2]}}, "grid.width does not apply to a network"),
        ("network", {"training": {"initial_scale": 0.1}}, "training.initial_scale does not apply"),
        ("network", {"grid": {"derivation": ["autograd"]}}, "grid.derivation does not apply"),
        ("mlp-mixer", {"training": {"architecture": "mlp 3"}}, "training.architecture does not"),
        ("mlp-mixer", {"grid": {"patch_size": [4, 5]}}, "patch_size 5 does not divide image"),
        ("mlp-mixer", {"training": {"drop_rate": 1.0}}, "training.drop_rate must be less than 1"),
        ("resnet18", IN_GREY, "a resnet18 reads colour images, and fashion-mnist is grey"),
        ("mlp-mixer", IN_GREY, "a mlp-mixer reads colour images"),
        ("network", {"training": {"architecture": "cnn 4 k33"}}, "kernel_size 33 leaves nothing"),
        ("network", {"grid": {"architecture": ["mlp 3", "mlp"]}}, "'mlp' is not understood"),
        ("network", {"training": {"optimizer": "adagrad"}}, "unknown optimizer of a network"),
        ("network", {"grid": {"optimizer": ["adagrad"]}}, "unknown optimizer of a network"),
        ("network", {"training": {"gradient": "sum"}}, "learns from the mean gradient"),
        ("network", {"training": {"precision": "float64"}}, "in float32 or bfloat16; leave"),
        ("network", {"training": {"normalization": "pixel"}}, "unknown normalization 'pixel'"),
        ("network", {"training": {"augmentation": "flip"}}, "must be 'none' or 'flip-crop'"),
        ("network", {"training": {"patience": 0}}, "training.patience must be greater than or"),
        ("network", {"training": {"loss": "squared"}}, "must be 'cross-entropy' or 'clamped-cross"),
        ("network", {"model": {"kind": "network", "derivation": "by-hand"}}, "leave model.deriv"),
        ("mlp", {"training": {"patience": 3}}, "training.patience does not apply to a mlp"),
        ("mlp", {"training": {"optimizer": "nesterov"}}, "unknown optimizer of a mlp 'nesterov'"),
        ("softmax-regression", {"grid": {"augmentation": ["none", "flip-crop"]}}, "does not apply"),
    ],
)  # fmt: skip
def test_a_setting_that_does_not_apply_is_refused(kind, changes, sentence):
    document = SMALL | {"model": {"kind": kind}, "grid": {"learning_rate": [0.1]}, "selection": {}}
    assert sentence in refusal(document | changes)


def refusal(document):
    """What a person reads who wrote it in a file."""
    with pytest.raises(UserError) as raised:
        study_from(document, "the study")
    return str(raised.value)


@pytest.mark.parametrize("kind", [name for name, row in KINDS.items() if row.engine == "trainer"])
def test_bfloat16_and_autograd_go_together_in_the_trainer(kind):
    model = {"kind": kind, "derivation": "autograd"}
    training = {"precision": "bf16"}
    study = small_study(model=model, training=training, grid={"learning_rate": [0.1]}, selection={})
    assert study.settings({"learning_rate": 0.1}).precision == "bfloat16"


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        ({"source": "test", "validation": 0.1}, "split.validation is a part of the training set"),
        ({"source": "test", "validation_images": 500}, "leaves nothing of the 500 test images of"),
        ({"source": "valid"}, "split.source must be 'train' or 'test', and got 'valid'"),
        ({"images": 0}, "split.images must be greater than or equal to 1"),
        ({"images": 50}, "batch_size 100 is larger than the 50 training examples"),
    ],
)  # fmt: skip
def test_a_split_that_cannot_be_is_refused(split, sentence):
    assert sentence in refusal(SMALL | {"split": split})


def test_validation_may_come_from_the_test_set():
    split = small_study(split={"source": "test", "validation_images": 120}).split
    assert (split.training_images(2000), split.evaluated_images(2000, 500)) == (2000, 120)
    assert small_study(split={"source": "test"}).split.evaluated_images(2000, 500) == 250


# --- what is trained ------------------------------------------------------------------------------


def test_a_study_goes_on_past_a_network_that_diverges(ended):
    run = ended["sgd", 1e30]
    assert (run.status, run.diverged_epoch, run.best_epoch) == ("diverged", 1, 0)
    assert [epoch.epoch for epoch in run.epochs] == [0, 1]
    assert run.epochs[1].validation_loss is None
    assert run.test_accuracy is None  # a diverged network is no final model
    assert run.test_confusion is None
    assert ended["nesterov", 0.01].status == "finished"


def test_patience_ends_a_network_before_its_last_epoch(ended):
    run = ended["sgd", 1e-12]
    assert run.status == "finished"
    assert (run.best_epoch, [epoch.epoch for epoch in run.epochs]) == (0, [0, 1, 2])


def test_a_network_that_learns_has_gradient_norms_parameters_and_its_best_epoch(ended):
    run = ended["nesterov", 0.01]
    assert run.parameters == 12 * 3072 + 12 + 12 * 10 + 10
    assert run.epochs[0].gradient_norm is None
    assert all(epoch.gradient_norm > 0 for epoch in run.epochs[1:])
    accuracies = [epoch.validation_accuracy for epoch in run.epochs]
    assert run.best_epoch == accuracies.index(max(accuracies)) > 0
    assert run.best_validation_accuracy == max(accuracies)
    assert run.best_validation_loss == run.epochs[run.best_epoch].validation_loss


def test_the_confusion_matrix_counts_the_whole_test_set(ended):
    labels = load("cifar10-sample").test_labels.tolist()
    tested = [run for run in ended.values() if run.status == "finished"]
    assert len(tested) == 4
    for run in tested:
        counts = run.test_confusion
        assert [sum(row) for row in counts] == [labels.count(k) for k in range(10)]
        assert sum(map(sum, counts)) == 500
        assert run.test_accuracy == sum(counts[k][k] for k in range(10)) / 500


def test_a_killed_worker_loses_an_epoch_and_resuming_gives_the_same_numbers(
    tmp_path, processes, expected
):
    assert len(expected) == 2
    assert all(len(epochs) == EPOCHS + 1 for _, epochs in expected)
    records, seen = Records.open(tmp_path / "r.db"), []

    def kill_the_worker(report):
        seen.append(report)
        if len(seen) == 7:
            (worker,) = processes.take(1)
            worker.process.kill()

    with pytest.raises(UserError, match=r"ended by signal 9.*run the same command again"):
        run_study(
            mixers(), records, workers=1, display=Listening(kill_the_worker), engine=processes
        )
    (before,) = records.study_runs()
    kept = sum(len(run.epochs) for run in records.runs(before.id))
    assert 7 <= kept < 2 * (EPOCHS + 1)
    listening = Listening()
    result = run_study(mixers(), records, workers=1, display=listening, engine=processes)
    assert result.id == before.id
    assert listening.notes == []  # nothing had to start again
    assert outcome(records, result.id) == expected


def test_the_last_report_of_a_network_says_that_it_is_done(tmp_path, processes):
    reports = []
    changes = {"grid": {"learning_rate": [1e-12]}, "selection": {}}
    records = Records.open(tmp_path / "r.db")
    run_study(
        small_study(**NETWORK | changes),
        records,
        display=Listening(reports.append),
        engine=processes,
    )
    assert [report.done for report in reports] == [False, False, True]
