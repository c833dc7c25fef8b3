import pytest

from retroprop.report.numbers import MINUS, NARROW, NO_BREAK, Numbers


def test_french_has_a_decimal_comma_and_narrow_spaces():
    french = Numbers("fr")
    assert french.percent(0.978, digits=1) == f"97,8{NARROW}%"
    assert french.percent(0.8572, 0.0012) == f"85,72{NO_BREAK}±{NO_BREAK}0,12{NARROW}%"
    assert french.integer(54000) == f"54{NARROW}000"
    assert french.setting(0.001) == "0,001"


def test_english_has_a_decimal_point_and_no_space_before_per_cent():
    english = Numbers("en")
    assert english.percent(0.978, digits=1) == "97.8%"
    assert english.integer(54000) == "54,000"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (0.01, "0.01"), (0.001, "0.001"), (1e-5, "1e-5"), (1e-12, "1e-12"), (20, "20")],
)
def test_a_setting_is_shown_as_the_study_file_has_it(value, text):
    assert Numbers("en").setting(value) == text


def test_a_negative_number_has_a_true_minus_sign():
    assert Numbers("en").decimal(-1.5) == f"{MINUS}1.50"


def test_a_duration_never_shows_sixty_seconds():
    assert Numbers("en").duration(59.97) == f"1{NO_BREAK}min{NO_BREAK}00{NO_BREAK}s"
    assert Numbers("en").duration(3599.9) == f"1{NO_BREAK}h{NO_BREAK}00{NO_BREAK}min"


def test_a_small_time_keeps_three_digits():
    assert Numbers("en").significant(0.000123456) == "0.000123"
