"""Results of comparisons in words, for readers with a basic knowledge of p."""

from __future__ import annotations

from hierapp.stats.difference import Difference
from hierapp.stats.effect_sizes import Interval
from hierapp.stats.power import seeds_to_reach

FOLDS = (
    "These are folds of one test set: they measure the noise of the test images, not the noise of training, and say"
    " nothing about another seed."
)


def of(found: Difference) -> str:
    """Return the sentence or sentences shown with a comparison."""
    if found.are_equal:
        parts = [_equal(found), *([] if found.is_measurable else [_limit(found)])]
    elif not found.is_measurable:
        parts = [_limit(found), f"Seen: {_seen(found)}.", _needed(found)]
    elif found.is_significant:
        parts = [_shown(found), _size(found)]
    else:
        parts = [_not_shown(found), _range(found), _needed(found)]
    return " ".join([part for part in parts if part] + ([FOLDS] if found.replicates == "test folds" else []))


def p_value(p: float, alpha: float = 0.05) -> str:
    """Format p, with enough digits to show on which side of alpha it is.

    >>> p_value(0.1), p_value(0.0286), p_value(0.0004), p_value(0.04996), p_value(1.0)
    ('0.10', '0.0286', 'less than 0.001', '0.04996', '1')
    """
    if p < 0.001 and alpha >= 0.001:
        return "less than 0.001"
    digits = 3 if float(f"{p:.3g}") == p else 2
    while float(f"{p:.{digits}g}") != p and (float(f"{p:.{digits}g}") < alpha) != (p < alpha):
        digits += 1
    text = f"{p:.{digits}g}"
    return f"{p:.2f}" if len(text) == 3 else text


def _equal(found: Difference) -> str:
    if found.paired:
        return f"{_start(found.first)} and {found.second} have the same value in each of {_count(found)}."
    return f"All values of {found.first} and of {found.second} are the same, {found.a.mean:.4g}."


def _limit(found: Difference) -> str:
    family = "" if found.comparisons == 1 else f" after Holm's correction over {found.comparisons} comparisons"
    most = seeds_to_reach(found.alpha / found.comparisons, found.paired)
    enough = f"{most} pairs or more" if found.paired else f"{most} against {most} or more"
    return (
        f"With {_count(found)}, no difference could have reached p < {found.alpha:g}{family} (the smallest possible p"
        f" is {p_value(found.least_p, found.alpha)}); {enough} could."
    )


def _seen(found: Difference) -> str:
    value = found.mean_difference.value
    if not value:
        return f"the means of {found.first} and {found.second} are the same"
    way = "higher" if value > 0 else "lower"
    return f"the mean of {found.first} is {way} than that of {found.second} by {abs(value):.3g}"


def _shown(found: Difference) -> str:
    way = "higher" if found.effect > 0 else "lower"
    start = f"{_start(found.first)} is {way} than {found.second} ({_test(found)})"
    value, interval = found.mean_difference.value, found.mean_difference.interval
    if value * found.effect <= 0:
        return f"{start}, although its mean is not: {_seen(found)}, because of outliers."
    by = f"{start}: by {abs(value):.3g} on average"
    if interval is None:
        return f"{by}."
    low, high = (interval.low, interval.high) if value > 0 else (-interval.high, -interval.low)
    return f"{by} ({_percent(interval)} interval {low:.3g} to {high:.3g})."


def _size(found: Difference) -> str:
    if found.wins is not None:
        wins = found.wins if found.effect > 0 else found.a.n - found.wins - found.test.zeros
        way = "higher" if found.effect > 0 else "lower"
        text = f"It is {way} in {wins} of {_count(found)}."
    else:
        share = f"{50 + 50 * abs(found.effect):.0f} times out of 100"
        way = "higher" if found.effect > 0 else "lower"
        one = "fold" if found.replicates == "test folds" else "run"
        text = f"A random {one} of {found.first} is {way} than a random one of {found.second} {share}."
    if _is_within(found):
        text += f" A relevant difference of {found.relevant:g} is excluded."
    return text


def _not_shown(found: Difference) -> str:
    return f"No difference between {found.first} and {found.second} was shown ({_test(found)})."


def _range(found: Difference) -> str:
    interval = found.mean_difference.interval
    if interval is None:
        return "That does not show that there is none."
    span = f"{interval.low:+.3g} to {interval.high:+.3g} ({_percent(interval)} interval)"
    if _is_within(found):
        return f"A relevant difference of {found.relevant:g} or more is excluded: the means differ by {span}."
    text = f"That does not show that there is none: the means may differ by {span}."
    if found.relevant is not None:
        text += f" A relevant difference of {found.relevant:g} is not excluded."
    if interval.low > 0 or interval.high < 0:
        text += " That interval excludes 0, but it assumes normal noise and is not corrected for several comparisons."
    return text


def _needed(found: Difference) -> str:
    """Return the seeds needed, or "" if the effect has no meaning: one or two seeds, or no relevant difference."""
    needed, fewest, most = found.seeds_needed, min(found.a.n, found.b.n), max(found.a.n, found.b.n)
    if needed is None or needed <= most or fewest < 3 or _is_within(found):
        return ""
    each = "paired seeds" if found.paired else "seeds each"
    return f"If the true effect is as large as the observed one, about {needed:,} {each} would give a power of 80 %."


def _is_within(found: Difference) -> bool:
    """Whether the interval excludes every relevant difference."""
    interval = found.mean_difference.interval
    if found.relevant is None or interval is None:
        return False
    return -found.relevant < interval.low and interval.high < found.relevant


def _test(found: Difference) -> str:
    name = "Mann-Whitney" if found.wilcoxon is None else "Wilcoxon, paired"
    family = "" if found.comparisons == 1 else f" after Holm's correction over {found.comparisons} comparisons"
    p = p_value(found.p_adjusted, found.alpha)
    return f"p {'' if p.startswith('less') else '= '}{p}{family}; {name}, {found.test.method}"


def _count(found: Difference) -> str:
    """Return the number of values in words: "3 seeds against 4", "5 paired seeds", "1 test fold against 1"."""
    kind = "" if found.a.n != 1 else found.replicates[:-1]
    kind = kind or found.replicates
    return f"{found.a.n} paired {kind}" if found.paired else f"{found.a.n} {kind} against {found.b.n}"


def _percent(interval: Interval) -> str:
    return f"{100 * interval.level:g} %"


def _start(name: str) -> str:
    """Begin a sentence with a name: generic names get a capital letter, other names stay unchanged."""
    return name.replace("the ", "The ", 1) if name in ("the first", "the second") else name
