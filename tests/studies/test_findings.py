"""Findings: each claim needs the verdicts that it names, computed from the results that ship."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hierapp.errors import ConfigError
from hierapp.studies import findings, library, rows
from hierapp.studies.findings import Evidence, Finding
from tests.studies.conftest import rows_of, study

MEANS = {"plain": 0.5, "hxe": 0.53, "hxe, permuted": 0.5}


@pytest.fixture(autouse=True)
def shipped(monkeypatch, tmp_path):
    """The only study that ships, with results in which HXE is better than the others."""
    rows.write(rows_of(study(), MEANS), tmp_path / "tiny.csv")
    monkeypatch.setattr(library, "shipped", lambda: {"tiny": study()})
    monkeypatch.setattr(library, "shipped_csv", lambda of: tmp_path / f"{of.name}.csv")
    findings._judged.cache_clear()
    yield
    findings._judged.cache_clear()


def finding(**changes):
    given = {"study": "tiny", "first": "hxe", "second": "plain", "endpoint": "accuracy", "expected": ("higher",)}
    return Finding(claim="HXE is better", meaning="So.", limits="Digits.", evidence=(Evidence(**given | changes),))


def test_a_claim_comes_with_the_verdicts_it_rests_on():
    found = findings.support(finding())
    (one,) = found.verdicts["tiny"]
    assert (one.first, one.second, one.endpoint, one.n, one.verdict) == ("hxe", "plain", "accuracy", 12, "higher")


def test_a_star_stands_for_all_that_are_compared_with_the_second():
    found = findings.support(finding(first="*", expected=("higher", "equivalent", "undecided")))
    assert [one.first for one in found.verdicts["tiny"]] == ["hxe", "hxe, permuted"]


def test_a_claim_that_the_tests_contradict_is_refused_with_their_sentence():
    with pytest.raises(ConfigError, match=r"expects lower, but .* tiny is: hxe has a higher accuracy than plain"):
        findings.support(finding(expected=("lower",)))


@pytest.mark.parametrize(
    "changes",
    [{"study": "other"}, {"first": "soft-labels"}, {"decoder": "climb-90"}, {"second_decoder": "temperature+min-risk"}],
)
def test_a_comparison_that_was_not_made_is_refused(changes):
    with pytest.raises(ConfigError, match="A finding rests on"):
        findings.support(finding(**changes))


def test_evidence_without_a_verdict_is_refused():
    with pytest.raises(ValidationError):
        finding(expected=())


def test_markdown_has_claim_limits_and_a_table_of_the_verdicts_of_each_study():
    text = findings.markdown([findings.support(finding())])
    assert text.startswith(
        "### 1. HXE is better\n\nSo.\n\n**Limits**: Digits.\n\nStudy `tiny`, 12 paired seeds:\n\n| setting |"
    )
    assert "| hxe | plain | accuracy | +0.03" in text
    assert text.endswith("| higher |\n")


def test_json_has_the_numbers_of_the_verdicts():
    (found,) = findings.as_dicts([findings.support(finding())])
    assert found["claim"] == "HXE is better"
    assert found["verdicts"]["tiny"][0]["difference"] == pytest.approx(0.03, abs=0.005)
