"""Tables of texts, embedded by a small stand-in for the sentence encoder."""

from __future__ import annotations

import numpy as np
import pytest

from hierapp.data import registry as datasets
from hierapp.errors import DatasetError
from hierapp.similarities import embeddings
from tests.feature_rows import checked, own, table

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
WORDS = {"sport": ("goal", "team", "match"), "food": ("bread", "soup", "salt")}
ROWS = [[f"{word} number {turn}", label] for turn in range(12) for label, words in WORDS.items() for word in words]


def count_letters(texts, model=embeddings.PACKAGED):
    return np.array([[text.count(letter) for letter in LETTERS] for text in texts], np.float64)


@pytest.fixture
def encoder(monkeypatch):
    monkeypatch.setattr(embeddings, "embed", count_letters)


def test_texts_become_features_and_are_shown(tmp_path, encoder, monkeypatch):
    monkeypatch.setattr("hierapp.data.imports.rows.texts.BATCH", 7)
    entry = own(table(tmp_path / "news.csv", ["text", "label"], ROWS), "news")
    assert (entry.features, entry.class_names) == (36, ("food", "sport"))
    for part in ("train", "test"):
        features, _ = datasets.arrays("news", part)
        assert np.array_equal(features, count_letters(datasets.texts("news", part)))


def test_rows_without_text_are_left_out_and_counted(tmp_path, encoder):
    _, report = checked(table(tmp_path / "news.csv", ["text", "label"], [*ROWS, ["", "food"], [" ", "sport"]]))
    assert (report.images, report.broken_count) == (len(ROWS), 2)
    assert "texts in text, labels in label" in report.layout


def test_numbers_are_the_features_unless_asked_otherwise(tmp_path, encoder):
    file = table(
        tmp_path / "both.csv",
        ["text", "height", "label"],
        [[text, 1.5 * place, label] for place, (text, label) in enumerate(ROWS)],
    )
    assert checked(file)[1].features == 1
    assert checked(file, embed=True)[1].features == 36


def test_row_numbers_are_no_features(tmp_path, encoder):
    rows = [[number, *row] for number, row in enumerate(ROWS)]
    assert checked(table(tmp_path / "news.csv", ["id", "text", "label"], rows))[1].features == 36


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "is_installed", lambda: False)
    with pytest.raises(DatasetError, match="requirements-text"):
        checked(table(tmp_path / "news.csv", ["text", "label"], ROWS))


def test_a_column_of_empty_texts_is_refused(tmp_path, encoder):
    rows = [[" ", label] for _, label in ROWS]
    with pytest.raises(DatasetError, match="empty"):
        checked(table(tmp_path / "news.csv", ["text", "label"], rows))
