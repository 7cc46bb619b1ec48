"""The Findings page: the answer, and each claim with its evidence and limits."""

from __future__ import annotations

from hierapp.studies import findings
from tests.app.conftest import texts


def test_each_claim_is_shown_with_its_limits_plots_and_every_sentence(open_page):
    page = open_page("findings")
    assert not page.exception
    words = texts(page).replace("\\", "")
    for each in findings.supported():
        assert each.finding.claim in words
        assert each.finding.limits in words
        for one in (verdict for judged in each.verdicts.values() for verdict in judged):
            assert one.sentence in words
    assert len(page.expander) == sum(len(each.verdicts) for each in findings.supported())


def test_the_answer_is_three_sentences_at_the_top(open_page):
    words = texts(open_page("findings"))
    assert findings.load().question in words
    assert " ".join(findings.load().answer) in words
