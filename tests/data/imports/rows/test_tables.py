"""Features from CSV and Parquet: which column is what, numbers of all spellings, scaling by the training part."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hierapp.data import registry as datasets
from hierapp.errors import DatasetError
from tests.feature_rows import CLASSES, arrays, checked, own, table

GIVEN = arrays()
ROWS = [
    [*map(float, row), CLASSES[label], "test" if test else "train", f"text {number}"]
    for number, (row, label, test) in enumerate(zip(GIVEN["features"], GIVEN["labels"], GIVEN["test"], strict=True))
]
HEADER = [*"abcdef", "label", "split", "title"]


def test_columns_are_told_by_their_names_and_scaled_by_the_training_part(tmp_path):
    entry = own(table(tmp_path / "some.csv", HEADER, ROWS), "some")
    assert (entry.features, entry.class_names, entry.test_size) == (6, CLASSES, int(GIVEN["test"].sum()))
    train, _ = datasets.arrays("some", "train")
    test, _ = datasets.arrays("some", "test")
    raw = GIVEN["features"].astype(np.float64)
    mean, deviation = raw[~GIVEN["test"]].mean(0), raw[~GIVEN["test"]].std(0)
    np.testing.assert_allclose(train, (raw[~GIVEN["test"]] - mean) / deviation, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(test, (raw[GIVEN["test"]] - mean) / deviation, rtol=1e-5, atol=1e-6)
    assert datasets.texts("some", "test")[0] == "text 0"
    said = json.loads((tmp_path / "data" / "own" / "some" / "columns.json").read_text())
    assert said["columns"] == list("abcdef")
    np.testing.assert_allclose(said["mean"], mean)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_delimiter_and_encoding_gives_the_same_rows(tmp_path, delimiter, encoding):
    file = table(tmp_path / "some.csv", HEADER, [[*row[:-1], "größer"] for row in ROWS], delimiter)
    file.write_text(file.read_text(encoding="utf-8"), encoding=encoding)
    _, report = checked(file)
    assert (report.features, report.classes, report.images) == (6, list(CLASSES), 80)


def test_decimal_commas_and_a_sep_line_of_spreadsheets(tmp_path):
    lines = [
        ";".join([*HEADER]),
        *(";".join([*(f"{x:.3f}".replace(".", ",") for x in row[:6]), *row[6:]]) for row in ROWS),
    ]
    for name, text in (("comma.csv", "\n".join(lines)), ("sep.csv", "sep=;\n" + "\n".join(lines))):
        (tmp_path / name).write_text(text, encoding="utf-8")
        _, report = checked(tmp_path / name)
        assert (report.features, report.images) == (6, 80)


@pytest.mark.parametrize("vectors", [True, False])
def test_parquet_holds_vectors_or_columns(tmp_path, vectors):
    columns = {"label": [CLASSES[each] for each in GIVEN["labels"]]}
    if vectors:
        columns["embedding"] = list(GIVEN["features"].astype(np.float32))
    else:
        columns |= {name: GIVEN["features"][:, place].astype(np.float64) for place, name in enumerate("abcdef")}
    made = pa.table(columns)
    label = made.column("label").dictionary_encode()
    pq.write_table(made.set_column(made.column_names.index("label"), "label", label), tmp_path / "some.parquet")
    _, report = checked(tmp_path / "some.parquet")
    assert (report.features, report.scaled, report.classes) == (6, not vectors, list(CLASSES))


def test_categories_become_columns_and_indexes_are_left_out(tmp_path):
    rows = [[number, "MFI"[number % 3], number / 7, "ab"[number % 2]] for number in range(60)]
    _, report = checked(table(tmp_path / "some.csv", ["", "sex", "size", "kind"], rows), label="kind")
    assert report.columns == ["sex F", "sex I", "sex M", "size"]
    assert report.passed_over == [""]


def test_rows_with_missing_numbers_are_left_out(tmp_path):
    rows = [list(row) for row in ROWS]
    rows[5][2], rows[6][0] = "", "nan"
    _, report = checked(table(tmp_path / "some.csv", HEADER, rows))
    assert (report.broken_count, report.images) == (2, 78)


def test_numbers_become_ordered_classes_or_bins_of_about_equal_size(tmp_path):
    draw = np.random.default_rng(0)
    rings = draw.poisson(9, 400)
    file = table(tmp_path / "some.csv", ["size", "rings"], [[float(ring + draw.normal()), int(ring)] for ring in rings])
    _, ordered = checked(file, label="rings", ordinal=True)
    assert ordered.classes == [str(each) for each in sorted(set(rings.tolist())) if each not in map(int, ordered.empty)]
    _, cut = checked(file, label="rings", bins=4)
    assert len(cut.classes) == 4
    counts = np.add(cut.train, cut.test)
    assert counts.sum() == 400
    assert counts.min() > 50
    assert [int(name.split("-")[0]) for name in cut.classes] == sorted(int(name.split("-")[0]) for name in cut.classes)
    entry = own(file, "rings", label="rings", bins=4)
    assert entry.ordinal


@pytest.mark.parametrize(
    ("header", "rows", "options", "words"),
    [
        (["a", "b"], [[1, 2], [3, 4]], {}, "None of the columns 'a', 'b'"),
        (["a", "label"], [[1, "x"], [2, "y"]], {"label": "kind"}, "no column named 'kind'"),
        (["label", "part"], [["x", "train"], ["y", "test"]], {"part": "part"}, "no column of numbers"),
        (["a", "a", "label"], [[1, 2, "x"]], {}, "several columns named 'a'"),
        (["a", "label"], [], {}, "no rows"),
        (["a", "label"], [[1, "x"], [1, "y", 3]], {}, "cannot be read"),
        (["a", "label"], [[1, "x"], [2, "y"]], {"ordinal": True}, "Expected numbers as labels"),
        (["a", "label"], [[1, "x"], [2, "y"]], {"bins": 4}, "Expected numbers as labels"),
    ],
)
def test_tables_that_do_not_fit_cost_one_sentence(tmp_path, header, rows, options, words):
    with pytest.raises(DatasetError) as error:
        checked(table(tmp_path / "some.csv", header, rows), **options)
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1
