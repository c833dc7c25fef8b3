"""The three sizes of a study: what [sizes.NAME] says, in place of what stands above it."""

import pytest

from retroprop.data import CATALOG
from retroprop.errors import UserError
from retroprop.studies.plan import plan_study
from retroprop.studies.schema import SIZES, catalog_names, load_study, size_option

STUDY = """
name = "sized"
title = { en = "Sizes", fr = "Tailles" }
dataset = "fashion-mnist"
split = { validation = 0.2, seed = 7 }
epochs = 20
seeds = [3, 4]
[model]
kind = "mlp"
[training]
batch_size = 50
learning_rate = { sgd = 0.1, adam = 0.001 }
[grid]
optimizer = ["sgd", "adam"]
width = [10, 20, 30]
[selection]
best_per = ["optimizer"]
"""
SMOKE = """
[sizes.smoke]
epochs = 2
split = { images = 500 }
training = { learning_rate = { sgd = 0.5 } }
grid = { width = [5] }
"""


@pytest.fixture
def load(tmp_path):
    def run(more="", **options):
        file = tmp_path / "sized.toml"
        file.write_text(STUDY + more, encoding="utf-8")
        return load_study(str(file), **options)

    return run


def test_full_is_the_study_as_it_stands(load):
    assert load(SMOKE) == load() == load(SMOKE, size="full")
    assert load().size == "full"
    assert (load().epochs, load().split.images) == (20, None)


def test_tables_are_merged_and_everything_else_is_replaced(load):
    study = load(SMOKE, size="smoke")
    assert study.size == "smoke"
    assert (study.epochs, study.seeds) == (2, [3, 4])
    assert study.split.model_dump() == {
        "source": "train", "validation": 0.2, "seed": 7, "images": 500, "validation_images": None,
    }  # fmt: skip
    assert study.grid.varied() == {"optimizer": ["sgd", "adam"], "width": [5]}
    assert study.training.learning_rate == {"sgd": 0.5, "adam": 0.001}
    assert study.training.batch_size == 50
    assert study.selection.best_per == ["optimizer"]


def test_a_study_that_says_nothing_has_a_smoke_size_of_one_epoch_and_one_seed(load):
    study = load(size="smoke")
    assert (study.epochs, study.seeds) == (1, [3])
    assert (study.split.images, study.split.validation_images) == (1000, 250)
    assert (study.split.validation, study.split.seed) == (0.2, 7)
    assert study.grid == load().grid


def test_a_study_that_says_nothing_of_a_laptop_is_full_there(load):
    assert load(size="laptop") == load()
    assert load("[sizes.laptop]\nepochs = 3", size="laptop").size == "laptop"


@pytest.mark.parametrize(
    ("name", "size", "option"),
    [
        ("ift6135-activations", "laptop", ""),
        ("ift6135-activations", "full", " --size full"),
        ("ift6135-activations", "smoke", " --size smoke"),
        ("inf8225-logistic", "full", ""),
        ("inf8225-logistic", "laptop", ""),
        ("inf8225-logistic", "smoke", " --size smoke"),
        ("of-mine", "full", ""),
    ],
)
def test_a_command_names_the_size_where_it_is_not_the_usual_one(name, size, option):
    assert size_option(name, size) == option


def test_a_size_changes_the_fingerprint_by_what_it_changes(load):
    assert load(size="laptop").fingerprint == load().fingerprint
    assert load(size="smoke").fingerprint != load().fingerprint
    assert load(SMOKE, size="smoke").fingerprint != load(size="smoke").fingerprint


def test_changes_and_epochs_come_after_the_size(load):
    study = load(SMOKE, size="smoke", changes=["grid.width=7,8", "seeds=9"], epochs=3)
    assert (study.grid.width, study.seeds, study.epochs) == ([7, 8], [9], 3)


@pytest.mark.parametrize(
    ("more", "size", "sentence"),
    [
        ("", "smok", "there is no size 'smok'. Did you mean 'smoke'?"),
        ("", "huge", "there is no size 'huge'. Known: full, laptop, smoke."),
        ("[sizes.tiny]\nepochs = 1", "full", "sizes.tiny is unknown; the sizes are [sizes.smoke]"),
        ("[sizes]\nsmoke = 3", "smoke", "sizes is not made of tables; write [sizes.smoke]"),
        ("[sizes]\nsmoke = 3", "full", "sizes is not made of tables"),
        ("[sizes.smoke]\nepoch = 1", "smoke", "unknown key epoch. Did you mean 'epochs'?"),
        ("[sizes.smoke]\nepochs = 0", "smoke", "epochs must be greater than or equal to 1"),
        ("[sizes.smoke]\nsplit = { images = 20 }", "smoke", "larger than the 20 training examples"),
    ],
)
def test_a_size_that_cannot_be_is_refused(load, more, size, sentence):
    with pytest.raises(UserError) as raised:
        load(more, size=size)
    assert sentence in str(raised.value)


@pytest.mark.parametrize("name", catalog_names())
def test_every_study_of_the_catalog_has_its_three_sizes(name):
    sizes = [load_study(name, size=size) for size in SIZES]
    smoke, laptop, full = (plan_study(study) for study in sizes)
    assert smoke.predicted_s(1) <= laptop.predicted_s(1) <= full.predicted_s(1)
    assert len(smoke.runs) <= len(laptop.runs) <= len(full.runs)
    assert smoke.predicted_s(2) < 60
    assert CATALOG[sizes[0].dataset].bundled  # a smoke run needs no network
    assert [study.size for study in sizes] in ([*SIZES], ["smoke", "full", "full"])
