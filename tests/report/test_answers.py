from dataclasses import replace

import pytest

from retroprop.report.answers import answers_section
from retroprop.report.study_report import StudyReport


def answers(records, study, language="en"):
    """The paragraphs of "What the study shows" by their titles, with plain spaces."""
    record = records.study_run(study)
    section = answers_section(StudyReport.read(records, record, language))
    found = {}
    for block in section.blocks:
        text = " ".join(block.text.replace("\u00a0", " ").replace("\u202f", " ").split())
        found[block.title] = f"{found[block.title]} {text}" if block.title in found else text
    return found


@pytest.fixture
def told(made):
    """A function from a study and changes to its answers."""

    def tell(name, language="en", **changes):
        study = (changes.get("config") or {"name": name})["name"]
        return answers(made(name, **changes), study, language)

    return tell


def only(studies, name, **grid):
    """A study with another grid."""
    return {**studies.STUDIES[name], "grid": grid}


def by_value(key, accuracies, steps=(-0.001, 0.0, 0.001)):
    """Accuracies by the value of one setting."""
    return lambda cell, seed: accuracies[cell[key]] + steps[seed % 3]


RATES = {0.1: 0.90, 0.01: 0.93, 0.001: 0.92}


def rates(studies):
    return only(studies, "perceptron", learning_rate=[0.1, 0.01, 0.001])


def test_the_best_the_next_and_the_worst_value_are_named_with_their_distances(told, studies):
    text = told("p", config=rates(studies), accuracy=by_value("learning_rate", RATES))
    assert text["Learning rate"] == (
        "The best value is 0.01, with 93.00 ± 0.10%: 1.00 points above the next, 0.001, and 3.00 "
        "points above the worst, 0.1. On validation, learning rate 0.01 is above learning rate "
        "0.001: over 3 seeds, the paired difference is 1.00 ± 0.00 points (95 % confidence "
        "interval of the paired t-test), which excludes 0. Values on both sides of the best do "
        "worse."
    )


def test_swapped_numbers_swap_the_values_in_the_sentence(told, studies):
    swapped = {0.1: 0.93, 0.01: 0.92, 0.001: 0.90}
    text = told("p", config=rates(studies), accuracy=by_value("learning_rate", swapped))
    assert "The best value is 0.1, with 93.00" in text["Learning rate"]
    assert "above the worst, 0.001." in text["Learning rate"]
    assert "rises with every larger value; nothing larger was tried." in text["Learning rate"]
    assert "both sides" not in text["Learning rate"]


def test_a_falling_accuracy_is_said_to_fall(told, studies):
    falling = {0.1: 0.90, 0.01: 0.91, 0.001: 0.92}
    text = told("p", config=rates(studies), accuracy=by_value("learning_rate", falling))
    assert "falls with every larger value; nothing smaller was tried." in text["Learning rate"]


def test_french_sentences_have_french_numbers_and_follow_the_records_too(told, studies):
    for best, accuracies in ((0.01, RATES), (0.1, {0.1: 0.94, 0.01: 0.93, 0.001: 0.92})):
        text = told(
            "p", "fr", config=rates(studies), accuracy=by_value("learning_rate", accuracies)
        )
        shown = str(best).replace(".", ",")
        assert f"La meilleure valeur est {shown}, avec 9" in text["Taux d’apprentissage"]
        assert "1,00 point de pourcentage de plus que la suivante" in text["Taux d’apprentissage"]


def test_a_difference_inside_the_spread_of_the_pairs_is_not_distinguishable(told, studies):
    def noisy(cell, seed):
        step = (-0.02, 0.0, 0.02)[seed % 3]
        return RATES[cell["learning_rate"]] + (step if cell["learning_rate"] == 0.01 else -step)

    text = told("p", config=rates(studies), accuracy=noisy)["Learning rate"]
    assert "rate 0.01 and learning rate 0.001 are not distinguishable with 3 seeds" in text
    assert "The lead of 0.01 over the worst, 0.1, may be chance too." in text


def test_the_worst_may_be_distinguishable_when_the_next_is_not(told, studies):
    def noisy(cell, seed):
        rate, step = cell["learning_rate"], (-0.02, 0.0, 0.02)[seed % 3]
        return {0.1: 0.5, 0.01: 0.93, 0.001: 0.92}[rate] + (step if rate == 0.001 else 0.0)

    text = told("p", config=rates(studies), accuracy=noisy)["Learning rate"]
    assert "rate 0.01 and learning rate 0.001 are not distinguishable with 3 seeds" in text
    assert "The lead of 0.01 over the worst, 0.1, is more than chance." in text


def test_one_seed_has_no_spread_and_no_test(told, studies):
    config = {**rates(studies), "seeds": [0]}
    text = told("p", config=config, accuracy=by_value("learning_rate", RATES))
    assert (
        "On validation, learning rate 0.01 is 1.00 points above learning rate 0.001: more than the "
        "0.95 points that 6,000 images leave to chance (95 %, binomial), but one seed has no "
        "spread."
    ) in text["Learning rate"]


def test_one_seed_and_a_small_lead_may_be_the_chance_of_the_images(told, studies):
    close = {0.1: 0.90, 0.01: 0.93, 0.001: 0.925}
    config = {**rates(studies), "seeds": [0]}
    text = told("p", config=config, accuracy=by_value("learning_rate", close))
    assert (
        "On validation, learning rate 0.01 is 0.50 points above learning rate 0.001, which may be "
        "chance: 6,000 images alone leave 0.93 points to it (95 %, binomial), and one seed has no "
        "spread."
    ) in text["Learning rate"]


def test_one_seed_and_an_unknown_number_of_images_may_always_be_chance(told, studies):
    config = {**rates(studies), "seeds": [0]}
    config = {key: value for key, value in config.items() if key != "split"}
    text = told("p", config=config, accuracy=by_value("learning_rate", RATES))
    assert "one seed has no spread: which is better cannot be said." in text["Learning rate"]
    assert "t-test" not in text["Learning rate"]
    assert "with one seed and so without a spread" in text["Epochs and overfitting"]


def test_equal_values_are_said_to_be_equal_and_not_tested(told, studies):
    equal = {0.1: 0.9, 0.01: 0.93, 0.001: 0.93}
    text = told("p", config=rates(studies), accuracy=by_value("learning_rate", equal))
    assert text["Learning rate"] == (
        "0.01 and 0.001 reach the same mean accuracy, 93.00 ± 0.10%, 3.00 points above the worst, "
        "0.1."
    )


def test_values_that_print_the_same_accuracy_have_no_best(told, studies):
    near = {0.1: 0.90, 0.01: 0.93000, 0.001: 0.93001}
    text = told("p", config=rates(studies), accuracy=by_value("learning_rate", near))
    assert (
        "0.001 and 0.01 reach the same mean accuracy, 93.00 ± 0.10%, 3.00 points above"
        in (text["Learning rate"])
    )
    assert "best value" not in text["Learning rate"]
    assert "0.00 points" not in text["Learning rate"]
    assert "every larger value" not in text["Learning rate"]


def test_nothing_is_smaller_than_a_batch_of_one_example(told, studies):
    config = only(studies, "perceptron", batch_size=[1, 20, 200])
    text = told("p", config=config, accuracy=by_value("batch_size", {1: 0.9, 20: 0.8, 200: 0.7}))
    assert "falls with every larger value; nothing smaller exists." in text["Batch size"]


def test_a_diverged_value_is_named_and_never_best(told, studies):
    diverged = [({"learning_rate": 0.01}, 1)]
    text = told(
        "p",
        config=rates(studies),
        accuracy=by_value("learning_rate", RATES),
        diverged=diverged,
    )["Learning rate"]
    assert "The better value is 0.001" in text
    assert "Diverged, so without a mean: 0.01 (1 of 3 seeds)." in text


def test_larger_values_that_diverged_were_tried(told, studies):
    accuracies = {0.1: 0.99, 0.01: 0.93, 0.001: 0.92, 0.0001: 0.91}
    config = only(studies, "perceptron", learning_rate=[0.1, 0.01, 0.001, 0.0001])
    text = told(
        "p",
        config=config,
        accuracy=by_value("learning_rate", accuracies),
        diverged=[({"learning_rate": 0.1}, 0)],
    )["Learning rate"]
    assert "rises with every larger value." in text
    assert "nothing larger" not in text


def test_when_all_but_one_value_diverged_nothing_is_compared(told, studies):
    diverged = [({"learning_rate": rate}, 0) for rate in (0.1, 0.01)]
    text = told(
        "p",
        config=rates(studies),
        accuracy=by_value("learning_rate", RATES),
        diverged=diverged,
    )["Learning rate"]
    assert text.startswith("Only 0.001 has a mean, 92.00 ± 0.10%.")
    assert "t-test" not in text


def test_the_other_settings_stay_at_those_of_the_best_cell(told):
    text = told("perceptron")["Learning rate"]
    assert text.startswith(
        "With initial weights of standard deviation 0.01, initial weights of both signs: the best "
        "value is 0.001, with 95.00"
    )


def test_a_selected_setting_compares_each_value_at_its_own_best(told):
    text = told("deep")
    assert text["Optimizer"].startswith(
        "Each value at its own best settings: the better value is Adam"
    )
    assert "With SGD, 300 units per hidden layer: the best value is 3" in text["Hidden layers"]
    assert "With Adam, 300 units per hidden layer: the best value is 3" in text["Hidden layers"]


def test_words_as_values_stand_in_quotation_marks_and_names_do_not(told):
    assert "“by hand”" in told("derivations")["Derivation"]
    assert "the better value is Adam" in told("deep")["Optimizer"]
    assert "« à la main »" in told("derivations", "fr")["Dérivation"]


def test_the_faster_derivation_is_named_with_the_median_and_the_range(told, studies):
    text = told("derivations")["Training time"]
    assert "The derivation by hand trains faster in all 12 pairs of cells" in text
    assert "1.30 times its time (median; from 1.21 to 1.80)" in text  # 1.2 + 15 / width

    def reversed_seconds(cell):
        return 1 / studies.seconds(cell)

    text = told("derivations", seconds=reversed_seconds)["Training time"]
    assert "Autograd trains faster in all 12 pairs of cells" in text
    assert "0.77 times the time of the derivation by hand (median; from 0.56 to 0.82)" in text
    assert "hand trains faster" not in text


@pytest.mark.parametrize(
    ("fast_widths", "words"),
    [
        ((25,), "hand trains faster in 9 of 12 pairs of cells"),
        ((25, 100, 300), "Autograd trains faster in 9 of 12 pairs of cells"),
    ],
)
def test_a_derivation_that_is_not_always_faster_is_counted(told, fast_widths, words):
    def seconds(cell):
        if cell["derivation"] == "by-hand":
            return 1.0
        return 0.5 if cell["width"] in fast_widths else 2.0

    assert words in told("derivations", seconds=seconds)["Training time"]


def test_the_largest_gap_between_the_derivations_is_stated(told):
    def close(cell, seed):
        return 0.9 + 0.0002 * (cell["derivation"] == "autograd") * (cell["width"] == 25)

    assert "differ by 0.02 points at most" in told("derivations", accuracy=close)["Training time"]


def test_a_study_of_one_derivation_says_nothing_of_the_other(told):
    assert "Training time" not in told("deep")


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (0.03, "3.00 ± 0.00 points above that on validation (95 % confidence interval over 3 "),
        (0.005, "only 0.50 ± 0.00 points above that on validation"),
        (-0.01, "no sign of overfitting"),
    ],
)
def test_overfitting_is_the_gap_between_train_and_validation(told, gap, words):
    text = told("cnn", overfitting=gap)["Epochs and overfitting"]
    assert words in text
    assert ("a sign of overfitting" in text) == (gap == 0.03)


def test_a_best_epoch_before_the_last_and_a_loss_that_rises_again_are_said(made):
    accuracies, losses = [0.1, 0.8, 0.9, 0.85], [2.3, 0.5, 0.6, 0.7]
    records = made("cnn", epochs=3)
    record = records.study_run("cnn")
    runs = tuple(
        replace(
            run,
            epochs=tuple(
                replace(epoch, validation_accuracy=accuracy, validation_loss=loss)
                for epoch, accuracy, loss in zip(run.epochs, accuracies, losses, strict=True)
            ),
        )
        for run in records.runs(record.id)
    )
    section = answers_section(StudyReport(record, runs, records.location, "en"))
    (text,) = [block.text for block in section.blocks if "Epochs" in block.title]
    assert "80.00% on validation after epoch 1 (540 steps), its highest, 90.00%, after" in text
    assert "after epoch 2, and 85.00% after the last, epoch 3." in text
    assert "Its validation loss is lowest after epoch 1, 0.500, and 0.700 at the last." in text


def test_a_curve_that_ends_at_its_best_has_not_turned(told):
    text = told("cnn")["Epochs and overfitting"]
    assert "its highest, 95.00%, comes at the last epoch, 8." in text
    assert "loss is lowest" not in text


def test_the_steps_are_those_of_one_epoch(told):
    assert "after epoch 1 (54,000 steps)" in told("perceptron")["Epochs and overfitting"]
    assert "after epoch 1 (540 steps)" in told("cnn")["Epochs and overfitting"]


def test_an_unfinished_study_answers_nothing_yet(told):
    assert told("perceptron", stop_after=40) == {
        "": "The answers are written once the study is finished."
    }
