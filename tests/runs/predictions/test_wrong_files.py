"""Each kind of wrong file is refused with its sentence, and hostile files with limited memory."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hierapp.cli import main as cli
from hierapp.errors import AmbiguousPredictionsError, DataWarning, PredictionsError
from hierapp.runs.predictions import Source, arrays, checked, raw, read, tables
from hierapp.runs.predictions.checked import Predictions
from hierapp.runs.predictions.read import read_list
from hierapp.trees import LabelTree

TREE = LabelTree.from_edges([("root", "pet"), ("pet", "cat"), ("pet", "dog"), ("root", "cow")])
P = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1]])
LABELS = np.array(["cat", "dog", "cow", "dog"])
CLASSES = np.array(TREE.leaves)


def packed(**arrays: object) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def saved(**changed: object) -> bytes:
    """A good file with some arrays replaced, or left out with None."""
    arrays = {"probabilities": P, "labels": LABELS, "classes": CLASSES} | changed
    return packed(**{name: array for name, array in arrays.items() if array is not None})


def csv(text: str) -> bytes:
    return text.encode()


def parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out)
    return out.getvalue()


def checked_file(content: bytes, name: str = "p.npz", kind: raw.Kind | None = None) -> Predictions:
    source = Source(name, io.BytesIO(content))
    return checked.check(read.read(source, TREE), TREE, source.shown, kind)


def with_value(value: float) -> np.ndarray:
    changed = P.copy()
    changed[2, 1] = value
    return changed


def npy(header: str, content: bytes = b"") -> bytes:
    """An .npy file with any header."""
    words = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(words)) + words + content


def frame(**more: object) -> pd.DataFrame:
    return pd.DataFrame(P, columns=CLASSES).assign(label=LABELS, **more)


def test_the_good_file_is_read():
    found = checked_file(saved())
    assert found.kind == "probabilities"
    np.testing.assert_allclose(np.exp(found.log_probs), P, rtol=1e-5)
    assert found.target.tolist() == [0, 1, 2, 1]


WRONG = {
    "an empty file": (b"", "p.npz", "is empty"),
    "text without meaning": (b"hello", "p.dat", "not in a format that is read"),
    "a pickle": (pickle.dumps({"p": 1}), "p.pkl", "a Python pickle, which is never loaded"),
    "a pickle under another name": (pickle.dumps({"p": 1}, 4), "p.npz", "a Python pickle"),
    "an npz of objects": (saved(labels=LABELS.astype(object)), "p.npz", "holds Python objects"),
    "an npy of objects": (npy("{'descr': '|O', 'fortran_order': False, 'shape': (4, 3), }"), "p.npy", "Python objects"),
    "a cut npz": (saved()[:-60], "p.npz", "is damaged or not an .npz file"),
    "a cut npy": (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4, 3), }", b"12"), "p.npy", "is cut off"),
    "a broken header": (npy("{'descr': '<f8', 'shape': "), "p.npy", "is damaged"),
    "an npy that claims too much": (
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000, 3), }"),
        "p.npy",
        "300,000,000,000 entries",
    ),
    "too many rows": (
        npy("{'descr': '|i1', 'fortran_order': False, 'shape': (2000000, 3), }", b"\0" * 6_000_000),
        "p.npy",
        "2,000,000 rows of 3 values",
    ),
    "dates": (saved(probabilities=P.astype("datetime64[s]")), "p.npz", "numbers or texts were expected"),
    "one dimension": (saved(probabilities=P[:, 0]), "p.npz", r"shape \[4\] .* but a table of numbers"),
    "complex numbers": (saved(probabilities=P.astype(complex)), "p.npz", "numbers or texts were expected"),
    "no values": (saved(probabilities=None), "p.npz", "no array named probabilities, log_probs or logits"),
    "two kinds of values": (saved(logits=P), "p.npz", "several arrays of predictions, 'logits', 'probabilities'"),
    "two lists of labels": (saved(targets=LABELS), "p.npz", "several arrays of labels"),
    "no labels": (saved(labels=None), "p.npz", "no true labels"),
    "no class names": (saved(classes=None), "p.npz", "does not name the classes of its 3 columns"),
    "no rows": (saved(probabilities=P[:0], labels=LABELS[:0]), "p.npz", "has no rows"),
    "fewer labels than rows": (saved(labels=LABELS[:3]), "p.npz", "4 rows of predictions and 3 labels"),
    "fewer texts than rows": (saved(texts=LABELS[:3]), "p.npz", "4 rows of predictions and 3 texts"),
    "fewer names than columns": (saved(classes=CLASSES[:2]), "p.npz", "3 columns of predictions and 2 class names"),
    "a table of labels": (saved(labels=P), "p.npz", "a list of names or integers was expected"),
    "an unknown class": (saved(classes=np.array(["cat", "dog", "cats"])), "p.npz", "'cats' is not among the leaves"),
    "a class twice": (saved(classes=np.array(["cat", "dog", "dog"])), "p.npz", "'dog' is given more than once"),
    "a missing class": (
        saved(classes=CLASSES[:2], probabilities=P[:, :2] / P[:, :2].sum(1, keepdims=True)),
        "p.npz",
        "'cow' is of the tree but not in the file",
    ),
    "an unknown label": (
        saved(labels=np.array(["cat", "dog", "cow", "pig"])),
        "p.npz",
        "neither classes nor inner nodes of the tree, 'pig'",
    ),
    "a label out of range": (saved(labels=np.array([0, 1, 2, 3])), "p.npz", "go up to 3, but there are 3 classes"),
    "the root as a label": (saved(labels=np.array(["cat", "dog", "cow", "root"])), "p.npz", "nor inner nodes"),
    "coarse labels only": (saved(labels=np.array(["pet"] * 4)), "p.npz", "All 4 rows of p.npz have coarse labels"),
    "label maps": (saved(probabilities=P[:, :, None, None]), "p.npz", "imported as rows"),
    "one class only": (saved(labels=np.array(["cat"] * 4)), "p.npz", "All 4 rows of p.npz have the true class 'cat'"),
    "NaN": (saved(probabilities=with_value(np.nan)), "p.npz", "Row 3 of p.npz has a value that is missing or NaN"),
    "infinity": (saved(probabilities=with_value(np.inf)), "p.npz", "Row 3 of p.npz sums to inf"),
    "a negative probability": (saved(probabilities=with_value(-0.1)), "p.npz", "Row 3 .* has the value -0.1"),
    "a wrong sum": (saved(probabilities=with_value(0.3)), "p.npz", "Row 3 of p.npz sums to 1.2, but probabilities sum"),
    "log-probabilities that are logits": (saved(probabilities=None, log_probs=P), "p.npz", "Row 1 of p.npz sums to"),
    "infinite logits": (saved(probabilities=None, logits=with_value(np.inf)), "p.npz", "Row 3 .* no largest finite"),
    "a csv without classes": (csv("a,b,label\n1,2,cat\n"), "p.csv", "no column named like a class of the tree"),
    "a csv with an unknown class": (csv("cat,dog,cow,pig,label\n1,0,0,0,cat\n"), "p.csv", "a column 'pig' that is no"),
    "a csv without a class": (csv("cat,dog,label\n1,0,cat\n"), "p.csv", "no column for the class 'cow'"),
    "a csv with a class twice": (csv("cat,dog,cow,cow,label\n1,0,0,0,cat\n"), "p.csv", "several columns named 'cow'"),
    "a csv with words": (csv("cat,dog,cow,label\n1,0,no,cat\n"), "p.csv", "cannot be read as a table of numbers"),
    "a csv with a gap": (csv("cat,dog,cow,label\n1,0,0,cat\n1,,0,dog\n"), "p.csv", "Row 2 of p.csv .* missing or NaN"),
    "a csv with a long line": (csv("cat,dog,cow,label\n1,0,0,cat\n1,0,0,dog,9\n"), "p.csv", "as a table of numbers"),
    "a csv with long lines": (csv("cat,dog,cow,label\n1,0,0,cat,9\n1,0,0,dog,9\n"), "p.csv", "as a table of numbers"),
    "a csv with an open quote": (csv('cat,dog,"cow,label\n1,0,0,cat\n'), "p.csv", "p.csv has"),
    "a csv without a label": (csv("cat,dog,cow,label\n1,0,0,\n0,1,0,cat\n"), "p.csv", "rows without a true label"),
    "a binary csv": (b"cat,dog\0cow", "p.csv", "is not text"),
    "a csv in no encoding": (b"cat,dog,cow,label\n1,0,0,\xff\n", "p.csv", "not text in UTF-8"),
    "a damaged parquet": (b"PAR1" + b"x" * 50, "p.parquet", "cannot be read as Parquet"),
    "a parquet with words": (parquet(frame(cow="no")), "p.parquet", "cannot be read as Parquet"),
    "a parquet with an unknown class": (parquet(frame(pig=1.0)), "p.parquet", "a column 'pig' that is no class"),
    "a spreadsheet": (b"PK\x03\x04" + b"x" * 50, "p.xlsx", "not in a format that is read"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_refused_with_its_sentence(what):
    content, name, sentence = WRONG[what]
    with pytest.raises(PredictionsError, match=sentence) as caught:
        checked_file(content, name)
    said = str(caught.value)
    assert len(said) < 400
    assert "\n" not in said
    assert said.endswith(".")


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        (P * 0.5, ("probabilities", "logits")),
        (P * 100, ("probabilities", "logits")),
        (-P, ("log-probabilities", "logits")),
        (np.zeros((4, 3)), ("probabilities", "logits")),
    ],
)
def test_values_that_may_be_several_kinds_are_asked_about(values, kinds):
    with pytest.raises(AmbiguousPredictionsError) as caught:
        checked_file(saved(probabilities=None, scores=values))
    assert caught.value.kinds == kinds


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (P, "probabilities"),
        (P.astype(np.float16), "probabilities"),
        (np.log(P), "log-probabilities"),
        (P - 0.5, "logits"),
    ],
)
def test_kinds_are_told_apart(values, kind):
    assert checked_file(saved(probabilities=None, scores=values)).kind == kind


def test_zeros_count_as_the_smallest_probability_that_is_stored():
    sharp = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    with np.errstate(divide="ignore"):
        files = [saved(probabilities=sharp), saved(probabilities=None, log_probs=np.log(sharp))]
    for content in files:
        assert checked_file(content).log_probs.min() == np.float32(np.log(2.0**-25))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(arrays, "LARGE", 100_000)
    with pytest.raises(PredictionsError, match="packed to less than 1/200"):
        checked_file(saved(probabilities=np.zeros((40_000, 3))))


def test_a_zip_that_lies_about_its_sizes_is_refused():
    content = bytearray(saved())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("probabilities.npy").file_size
    at = content.rindex(struct.pack("<I", size))  # in the directory
    content[at : at + 4] = struct.pack("<I", 10)
    with pytest.raises(PredictionsError):
        checked_file(bytes(content))


def test_a_long_text_that_parquet_repeats_is_refused(monkeypatch):
    monkeypatch.setattr(raw, "MOST_TEXT", 1_000)
    monkeypatch.setattr(tables, "MOST_TEXT", 1_000)
    with pytest.raises(PredictionsError, match="more than 1,000 characters of text"):
        checked_file(parquet(frame(text="x" * 300)), "p.parquet")


def test_a_csv_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(tables, "LARGEST_CSV", 10)
    with pytest.raises(PredictionsError, match="save it as Parquet or npz"):
        checked_file(csv("cat,dog,cow,label\n1,0,0,cat\n"), "p.csv")


@pytest.mark.parametrize(
    "text",
    [
        "cat;dog;cow;label\n0,7;0,2;0,1;cat\n0,2;0,5;0,3;dog\n",
        "\ufeffcat\tdog\tcow\ty_true\n0.7\t0.2\t0.1\tcat\n0.2\t0.5\t0.3\tdog\n",
        "sep=|\nid|p(cat|p(dog|p(cow|Label\n7|0.7|0.2|0.1|cat\n8|0.2|0.5|0.3|dog\n",
        "label,prob_cow,prob_cat,prob_dog,predicted\ncat,0.1,0.7,0.2,cat\ndog,0.3,0.2,0.5,dog\n",
        "cow,cat,dog,label\n.1,.7,.2,1\n.3,.2,.5,2\n",  # positions in the order of the columns
    ],
)
def test_tables_of_all_dialects_are_read(text):
    for encoding in ("utf-8", "utf-16"):
        found = checked_file(text.encode(encoding), "p.csv")
        np.testing.assert_allclose(np.exp(found.log_probs), P[:2], rtol=1e-5)
        assert found.target.tolist() == [0, 1]


def test_prefix_of_columns_says_the_kind():
    text = "label,logit_cat,logit_dog,logit_cow\ncat,0.7,0.2,0.1\ndog,0.2,0.5,0.3\n"
    assert checked_file(csv(text), "p.csv").kind == "logits"


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"cat\ndog\n", "l.txt", ["cat", "dog"]),
        (b"id,label\n1,cat\n2,dog\n", "l.csv", ["cat", "dog"]),
        (b"labels\ncat\ndog\n", "l.csv", ["cat", "dog"]),
        (npy("{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }", b"\1\0\2\0"), "l.npy", ["1", "2"]),
    ],
)
def test_lists_of_labels_are_read(content, name, expected):
    assert read_list(Source(name, io.BytesIO(content)), "labels") == expected


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a,b\n1,2\n", "none of them is named labels"),
        (b"\xff\xfe\0", "is not a list of labels"),
        (b"label,b\n\n,\n", "labels.txt"),
        (b"", "is empty"),
    ],
)
def test_wrong_lists_of_labels_are_refused(content, sentence):
    if content.startswith(b"label"):
        assert read_list(Source("labels.txt", io.BytesIO(content)), "labels") == [""]
        return
    with pytest.raises(PredictionsError, match=sentence):
        read_list(Source("labels.txt", io.BytesIO(content)), "labels")


def test_suspicious_predictions_are_warned_about():
    with pytest.warns(DataWarning, match="All rows of p.npz are predicted as 'cow'"):
        checked_file(saved(probabilities=np.tile([0.1, 0.2, 0.7], (4, 1))))
    turned = np.tile(P[[0, 1, 2]], (20, 1))[:, [1, 2, 0]]
    with pytest.warns(DataWarning, match="below chance"):
        checked_file(saved(probabilities=turned, labels=np.tile(LABELS[:3], 20)))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere.npz", "--tree", "digits"], "nowhere.npz cannot be read"),
        ([".", "--tree", "digits"], "it is a folder"),
        (["/dev/zero", "--tree", "digits"], "a pipe, a socket or a device"),
        (["nowhere.npz", "--tree", "no tree"], "There is no tree 'no tree'"),
    ],
)
def test_the_command_refuses_in_one_line(words, sentence, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["predictions", "import", *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not (tmp_path / "home").exists()
