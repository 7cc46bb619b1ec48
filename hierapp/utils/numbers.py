"""Formatting of numbers and formulas: three significant digits, as text and as LaTeX."""

from __future__ import annotations

import math
import re

DIGITS = 3
# Smaller magnitudes are rounding errors and are shown as 0.
NOTHING = 1e-12

_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_LOWERED = {raised: digit for digit, raised in zip("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", strict=True)}
_SYMBOLS = {
    "·": r" \cdot ",
    "−": "-",
    "Σ": r"\sum ",
    "λ": r"\lambda ",
    "ε": r"\varepsilon ",
    "‖": r" \,\Vert\, ",
    "≥": r" \ge ",
    "…": r" \dots ",
    "|": r"\vert ",
}
_TOKEN = re.compile(r"[A-Za-z]{2,}(?:-[A-Za-z]{2,})*|[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+|[·−Σλε‖≥…|]")


def number(value: float) -> str:
    """Format a number with three significant digits, for use in text.

    >>> [number(value) for value in (0.24, 1.8326, -2, 12345, 0.00001234, 1e-15)]
    ['0.24', '1.83', '−2', '12345', '1.23·10⁻⁵', '0']
    """
    if math.isnan(value):
        return "undefined"
    if abs(value) < NOTHING:
        return "0"
    sign = "−" if value < 0 else ""
    size = abs(value)
    if math.isinf(size):
        return f"{sign}∞"
    exponent = int(f"{size:.{DIGITS - 1}e}".partition("e")[2])
    if exponent < -4 or exponent >= 6:
        return sign + _scientific(size / 10.0**exponent, exponent)
    return sign + (f"{size:.0f}" if exponent >= DIGITS else f"{size:.{DIGITS}g}")


def signed(value: float) -> str:
    """Format a number with its sign, as for gradients.

    >>> signed(0.25), signed(-0.25), signed(0.0)
    ('+0.25', '−0.25', '0')
    """
    text = number(value)
    return f"+{text}" if value > 0 and text != "0" else text


def of_log(log_value: float) -> str:
    """Format the number with this logarithm, even if it is too small for a float.

    >>> import math
    >>> of_log(math.log(0.4)), of_log(-1000.0)
    ('0.4', '5.08·10⁻⁴³⁵')
    """
    log10 = log_value / math.log(10)
    if log10 > -4:
        return number(math.exp(log_value))
    exponent = math.floor(log10)
    return _scientific(10.0 ** (log10 - exponent), exponent)


def latex(text: str) -> str:
    """Convert the text of a formula to LaTeX.

    >>> latex("s(v) · −log p(v) = 2 · −log 0.4 = 1.83")
    's(v) \\\\cdot -\\\\log p(v) = 2 \\\\cdot -\\\\log 0.4 = 1.83'
    """
    return re.sub(r" {2,}", " ", _TOKEN.sub(_in_latex, text)).strip()


def _in_latex(match: re.Match[str]) -> str:
    token = match[0]
    if token in _SYMBOLS:
        return _SYMBOLS[token]
    if token[0] in _LOWERED:
        return "^{" + "".join(_LOWERED[digit] for digit in token) + "}"
    return rf"\{token}" if token in ("log", "max") else rf"\mathrm{{{token}}}"


def _scientific(mantissa: float, exponent: int) -> str:
    shown = f"{mantissa:.{DIGITS}g}"
    if shown == "10":
        shown, exponent = "1", exponent + 1
    power = "10" + str(exponent).translate(_RAISED)
    return power if shown == "1" else f"{shown}·{power}"
