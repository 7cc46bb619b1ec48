"""The CSV file and the tables that are computed from it."""

from __future__ import annotations

import pytest

from hierapp.errors import StoreError
from hierapp.studies import rows, tables, verdicts
from tests.studies.conftest import rows_of, study

MEANS = {"plain": 0.5, "hxe": 0.53, "hxe, permuted": 0.5}


def test_rows_come_back_as_they_were_written(tmp_path):
    given = rows_of(study(), MEANS, noise=0)
    rows.write(given, tmp_path / "a" / "tiny.csv")
    for read, row in zip(rows.read(tmp_path / "a" / "tiny.csv"), given, strict=True):
        assert read == pytest.approx(row)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"group,seed\nplain,one\n", b"group,seed\nplain\n"])
def test_a_file_that_is_not_of_a_study_is_refused(content, tmp_path):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(StoreError, match="does not contain"):
        rows.read(tmp_path / "a.csv")


def test_a_file_that_cannot_be_read_or_written_is_told(tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        rows.read(tmp_path / "none.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        rows.write([{"group": "a"}], tmp_path / "file" / "a.csv")


def test_means_are_over_complete_seeds_and_a_rate_at_the_edge_is_marked():
    given = rows_of(study(), MEANS, noise=0)
    (first, *_) = tables.means(study(), given)
    assert first["group"] == "plain"
    assert first["n"] == 12
    assert first["accuracy"] == "0.5550 ± 0.0361"
    assert first["learning_rate"] == "0.001*"


def test_verdicts_are_a_markdown_table():
    found = verdicts.verdicts(study(), rows_of(study(), MEANS))
    lines = tables.markdown(tables.judged(found)).splitlines()
    assert len(lines) == len(found) + 2
    assert "| loss | hxe | plain | leaf | accuracy | 12 | +0.03" in "\n".join(lines)
