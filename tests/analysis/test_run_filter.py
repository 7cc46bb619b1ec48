"""Which runs a filter lets pass."""

import pytest

from hierapp.analysis.run_filter import Filter, choices


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (Filter(), "123456"),
        (Filter({"state": ["finished"]}), "12345"),
        (Filter({"loss": ["hxe", "cross-entropy"], "state": []}), "126"),
        (Filter({"loss": ["hxe"], "state": ["queued"]}), ""),
        (Filter({"tag": ["mine"]}), "6"),
        (Filter({"owner": ["command line"]}), "12345"),
        (Filter(text="monday MINE"), "6"),
        (Filter(text="#paper"), "6"),
        (Filter(text="seed 1 hxe"), "2"),
        (Filter(text="lr 0.01"), "4"),
        (Filter(text="nowhere"), ""),
    ],
)
def test_runs_are_found_by_fields_and_words(listed_runs, made, found):
    assert "".join(run.id for run in made.of(listed_runs)) == found


def test_values_that_occur_are_offered(listed_runs):
    offered = choices(listed_runs)
    assert offered["state"] == ["finished", "queued"]
    assert offered["tag"] == ["mine", "paper", "search:rates"]
    assert offered["owner"] == ["a@b.c", "command line"]
