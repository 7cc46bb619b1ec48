import math

import pytest
from hypothesis import given, strategies as st

from hierapp.utils.numbers import latex, number, of_log, signed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.38, "0.38"),
        (0.6125, "0.613"),
        (999.6, "1000"),
        (-1.5, "−1.5"),
        (0.0001, "0.0001"),
        (0.00001, "10⁻⁵"),
        (1e7, "10⁷"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "undefined"),
        (-1e-17, "0"),
    ],
)
def test_numbers_have_three_significant_digits(value, text):
    assert number(value) == text


@given(st.floats(1e-11, 1e12))
def test_a_number_is_within_half_a_unit_of_its_third_digit(value):
    text = number(value)
    mantissa, _, power = text.partition("10") if text[-1] in "⁰¹²³⁴⁵⁶⁷⁸⁹" else (text, "", "")
    plain = power.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
    shown = float(mantissa.rstrip("·") or 1) * (10.0 ** int(plain) if power else 1)
    assert shown == pytest.approx(value, rel=0.00501)


@given(st.floats(-9, 0))
def test_a_logarithm_is_written_as_its_number(log_value):
    assert of_log(log_value) == number(math.exp(log_value))


def test_a_gradient_has_its_sign():
    assert [signed(value) for value in (0.5, -0.5, 1e-18)] == ["+0.5", "−0.5", "0"]


def test_formulas_in_latex():
    assert latex("soft / n · KL(uniform ‖ p) = 5.08·10⁻⁴³") == (
        r"\mathrm{soft} / n \cdot \mathrm{KL}(\mathrm{uniform} \,\Vert\, p) = 5.08 \cdot 10^{-43}"
    )


def test_a_bar_in_latex_ends_before_the_next_letter():
    assert latex("|z(e) − 1|") == r"\vert z(e) - 1\vert"
