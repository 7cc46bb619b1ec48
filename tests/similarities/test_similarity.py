"""Similarities: what makes them, against slow references, and what they must be; as CSV; in figures."""

from __future__ import annotations

import math
import warnings
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings, strategies as st

from hierapp import LabelTree, make_loss
from hierapp.errors import ConfigError, DataWarning
from hierapp.plots.similarity import similarity_plot
from hierapp.similarities import Similarity, formats as similarity_formats, summary as similarity_summary
from hierapp.similarities.similarity import bounded, cosine, ordinal, tree_similarity
from hierapp.trees.names import name_of

RAGGED = LabelTree.from_edges([("root", "A"), ("A", "a"), ("A", "B"), ("B", "b"), ("B", "c"), ("root", "d")])
PETS = Similarity.of(["cat", "dog", "truck"], [[1, 0.5, 0], [0.4, 1, 0.1], [0, 0.2, 1]])


@st.composite
def similarities(draw: st.DrawFn) -> Similarity:
    spelled = st.text(min_size=1, max_size=8).map(name_of).filter(bool)
    names = draw(st.lists(spelled, min_size=1, max_size=6, unique=True))
    size = len(names)
    values = st.floats(0, 1, exclude_max=True)
    matrix = np.array(draw(st.lists(values, min_size=size**2, max_size=size**2))).reshape(size, size)
    np.fill_diagonal(matrix, 1.0)
    return Similarity.of(names, matrix)


# What makes them


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.99])
def test_ordinal_classes_one_by_one(ratio):
    matrix = ordinal(5, ratio)
    for i in range(5):
        for j in range(5):
            assert matrix[i, j] == pytest.approx(1.0 if i == j else ratio ** abs(i - j))


@pytest.mark.parametrize("ratio", [1.0, -0.1, 2.0, math.nan])
def test_a_ratio_that_cannot_be_is_refused(ratio):
    with pytest.raises(ConfigError, match="at least 0 and below 1"):
        ordinal(3, ratio)


def test_cosines_one_by_one():
    rows = np.random.default_rng(0).normal(size=(6, 4))
    matrix = cosine(rows)
    for i in range(6):
        for j in range(6):
            dot = sum(float(a) * float(b) for a, b in zip(rows[i], rows[j], strict=True))
            expected = max(0.0, dot / math.hypot(*rows[i]) / math.hypot(*rows[j]))
            assert matrix[i, j] == pytest.approx(min(expected, 1.0))
    assert (matrix == 0).any()  # what points away
    with pytest.raises(ConfigError, match="no direction"):
        cosine([[1.0, 0.0], [0.0, 0.0]])


def test_the_similarity_of_a_tree_pair_by_pair():
    matrix, distances = tree_similarity(RAGGED, "edges"), RAGGED.distances("edges")
    assert matrix.shape == (4, 4)
    for i in range(4):
        for j in range(4):
            assert matrix[i, j] == 1 - distances[i, j] / distances.max()


@given(similarities(), st.floats(-1, 0.99))
@settings(deadline=None)
def test_the_lower_bound_cell_by_cell(similarity, bound):
    result = bounded(similarity.matrix, bound)
    for before, after in zip(similarity.matrix.flat, result.flat, strict=True):
        assert after == pytest.approx(max(0.0, (before - bound) / (1 - bound)))
    assert ((result >= 0) & (result <= 1)).all()


# By name


def test_classes_are_found_by_name():
    assert PETS.over(["truck", "cat", "dog"]).tolist() == [[1, 0, 0.2], [0, 1, 0.5], [0.1, 0.4, 1]]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["cat", "dog", "ship"], "has no row for 'ship'"),
        (["cat", "dog"], "'truck', which the data set does not have"),
    ],
)
def test_other_classes_are_refused(classes, message):
    with pytest.raises(ConfigError, match=message):
        PETS.over(classes)


@pytest.mark.parametrize(
    ("classes", "matrix", "message"),
    [
        (["a", "a"], [[1, 0], [0, 1]], "duplicate classes: 'a'"),
        (["a", "b"], [[1, 1], [1, 1]], "all ones"),
        (["a", "b"], [[1, 2], [0, 1]], "outside 0 to 1"),
        (["a", "b"], [[1, math.nan], [0, 1]], "outside 0 to 1"),
        (["a", "b"], [[0.5, 0], [0, 1]], "diagonal"),
        (["a", "b"], [[1, "x"], [0, 1]], "not a number"),
        (["a", "b"], [[1]], "shape"),
    ],
)
def test_what_is_no_similarity_is_refused(classes, matrix, message):
    with pytest.raises(ConfigError, match=message):
        Similarity.of(classes, matrix)


# As CSV


@given(similarities())
@example(Similarity.of(["a;b", "c\td|e"], [[1.0, 0.5], [0.5, 1.0]]))
@settings(deadline=None)
def test_a_similarity_comes_back_from_csv_to_the_last_digit(similarity):
    about = {"title": "two\nlines", "data": "cifar10", "nothing": " "}
    found, said = similarity_formats.parse_bytes(
        similarity_formats.render(similarity, about).encode("utf-8", "surrogatepass"), "x.csv"
    )
    assert found.classes == similarity.classes
    assert np.array_equal(found.matrix, similarity.matrix)
    assert said == {"title": "two lines", "data": "cifar10"}


def test_rows_and_columns_may_stand_in_any_order_and_need_not_be_symmetric():
    text = "similarity,dog,truck,cat\ncat,0.5,0,1\n\ndog,1,.1,0.4\ntruck,2e-1,1,0\n"
    assert np.array_equal(similarity_formats.parse(text).over(PETS.classes), PETS.matrix)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; expected a line of class names"),
        ("# title: none\n", "empty"),
        ("cat;dog\n1;0\n", "the row of '1'"),
        (",cat,cat\ncat,1,1\n", "names 'cat' twice"),
        (",cat,dog\ncat,1,0\n", "no row for 'dog'"),
        (",cat,dog\ncat,1,0\nship,0,1\n", "Line 3 is the row of 'ship'"),
        ("# title: x\n,cat,dog\ncat,1,0\nship,0,1\n", "Line 4 is the row of 'ship'"),
        (",cat,dog\ncat,1,0\ncat,1,0\n", "Line 3 is a second row of 'cat'"),
        (",cat,dog\ncat,1\ndog,0,1\n", "Expected 3 cells in line 2, as in the first line, but got 2"),
        (",cat,dog\ncat,1,much\ndog,0,1\n", "from 0 to 1 for 'cat' and 'dog' but got 'much'"),
        (",cat,dog\ncat,1,1.5\ndog,0,1\n", "from 0 to 1 for 'cat' and 'dog' but got '1.5'"),
        (",cat,dog\ncat,1,nan\ndog,0,1\n", "from 0 to 1 for 'cat' and 'dog'"),
        (",cat,dog\ncat,1,-1.1\ndog,0,1\n", "from 0 to 1 for 'cat' and 'dog'"),
        (",cat,dog\ncat,1,0;5\ndog,0,1\n", "from 0 to 1 for 'cat' and 'dog' but got '0;5'"),
        ("cat\ndog\n", "commas, semicolons or tabs"),
        (",cat, \ncat,1,0\n,0,1\n", "empty name"),
        (",cat,dog\ncat,0.9,0\ndog,0,1\n", "Expected 1 for 'cat' and itself"),
        (",cat,dog\ncat,1,1\ndog,1,1\n", "all ones"),
        (',cat,"dog\ncat,1,1\ndog,1,1\n', "Broken CSV in line"),
    ],
)
def test_a_csv_that_is_none_is_told_in_a_sentence(text, message):
    with pytest.raises(ConfigError, match=message) as error:
        similarity_formats.parse_bytes(text.encode(), "mine.csv")
    assert str(error.value).startswith("mine.csv: ")
    assert str(error.value).count("\n") == 0


PAIR = ",cat,dog\ncat,1,0.5\ndog,0.25,1\n"


@pytest.mark.parametrize(
    "content",
    [
        PAIR,
        PAIR.replace(",", ", "),
        PAIR.replace(",", " , "),
        PAIR.replace(",", ";"),
        PAIR.replace(",", "\t"),
        PAIR.replace(",", ";").replace(".", ","),
        PAIR.replace(",", "\t").replace(".", ","),
        "sep=;\n" + PAIR.replace(",", ";").replace(".", ","),
        PAIR.replace("\n", "\r\n"),
        PAIR.encode("utf-16"),
        PAIR.encode("utf-8-sig"),
        PAIR.replace("1", "1.0000002"),
        PAIR.replace("1", "0.9999998"),
        "class" + PAIR,
    ],
)
def test_spaces_delimiters_decimal_commas_and_encodings(content):
    data = content if isinstance(content, bytes) else content.encode()
    found, _ = similarity_formats.parse_bytes(data, "x.csv")
    assert found.classes == ("cat", "dog")
    assert found.matrix.tolist() == [[1, 0.5], [0.25, 1]]


def test_negative_cosines_count_as_0_with_a_warning_that_counts_them():
    text = ",cat,dog\ncat,1,-0.02\ndog,-1,1\n"
    with pytest.warns(DataWarning, match="has 2 negative values, down to -1, which count as 0"):
        assert similarity_formats.parse(text).matrix.tolist() == [[1, 0], [0, 1]]
    tree = LabelTree.from_edges([("r", "a"), ("r", "b"), ("r", "c")])
    with pytest.warns(DataWarning, match="has 1 negative value, down to -0.5, which counts as 0"):
        make_loss("simloss", tree, similarity=[[1, -0.5, 0.2], [0, 1, 0], [0, 0, 1]])


def test_rounding_of_single_precision_is_removed_without_a_warning():
    matrix = np.array([[1.0000002, -1e-7], [0.5, 0.9999998]], np.float32)
    assert Similarity.of(["a", "b"], matrix).matrix.tolist() == [[1, 0], [0.5, 1]]
    vectors = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    with pytest.warns(DataWarning, match="negative values"):
        found = Similarity.of([str(i) for i in range(20)], unit @ unit.T).matrix
    assert np.allclose(found, cosine(vectors), atol=1e-6)


def test_classes_of_a_similarity_are_found_in_any_unicode_form():
    assert Similarity.of(["Mo\u0308hre", "b"], [[1, 0.5], [0, 1]]).over(["b", "M\u00f6hre"]).tolist() == [
        [1, 0],
        [0.5, 1],
    ]


def test_files_that_are_too_large_or_no_text_are_refused(monkeypatch):
    with pytest.raises(ConfigError, match="byte 1 is not UTF-8"):
        similarity_formats.parse_bytes(b",\xff", "x.csv")
    monkeypatch.setattr(similarity_formats, "LARGEST_FILE", 10)
    with pytest.raises(ConfigError, match="larger than"):
        similarity_formats.parse_bytes(b"x" * 11, "x.csv")
    monkeypatch.undo()
    names = ",".join(f"c{i}" for i in range(similarity_formats.MOST_CLASSES + 1))
    with pytest.raises(ConfigError, match=r"has 1,001 classes; expected at most 1,000"):
        similarity_formats.parse(f",{names}\n")


@given(st.binary(max_size=60) | st.text(alphabet=",\n\"' ab10.#:", max_size=40).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_similarity_or_a_sentence(data):
    with suppress(ConfigError), warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        found, _ = similarity_formats.parse_bytes(data, "x.csv")
        assert ((found.matrix >= 0) & (found.matrix <= 1)).all()


# In figures


@given(similarities().filter(lambda each: len(each.classes) > 1))
@settings(deadline=None)
def test_the_figures_are_those_of_the_definition(similarity):
    matrix, size = similarity.matrix, len(similarity.classes)
    facts = similarity_summary.of(matrix)
    others = [(i, j) for i in range(size) for j in range(size) if i != j]
    assert facts.mean_off_diagonal == pytest.approx(sum(matrix[i, j] for i, j in others) / len(others))
    assert facts.share_of_zeros == pytest.approx(sum(matrix[i, j] == 0 for i, j in others) / len(others))
    assert facts.is_identity == all(matrix[i, j] == 0 for i, j in others)
    assert facts.is_symmetric == all(abs(matrix[i, j] - matrix[j, i]) <= 1e-9 for i, j in others)

    def mean_log(values):
        return sum(-math.log(value) if value > 0 else math.inf for value in values) / size

    rows = [[matrix[i, j] for j in range(size) if j != i] for i in range(size)]
    assert facts.near_loss == pytest.approx(mean_log(map(max, rows)), abs=1e-9)
    assert facts.far_loss == pytest.approx(mean_log(map(min, rows)), abs=1e-9)


def test_the_losses_in_the_figures_are_those_of_the_loss():
    loss = make_loss("simloss", LabelTree.from_edges([("root", name) for name in PETS.classes]), similarity=PETS.matrix)
    facts = similarity_summary.of(PETS.matrix)
    every = torch.arange(3)
    assert facts.uniform_loss == pytest.approx(loss(torch.zeros(3, 3), every).item(), rel=1e-6)
    sure = 1e4 * torch.eye(3)
    assert facts.right_loss == loss(sure, every).item()
    near = [1, 0, 1]  # of cat, dog, truck
    assert facts.near_loss == pytest.approx(loss(sure[near], every).item(), rel=1e-6)


def test_degenerate_and_twin_classes_are_seen():
    assert similarity_summary.of(np.ones((3, 3))).is_degenerate
    twins = similarity_summary.of(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1.0]]))
    assert (twins.same, twins.is_degenerate, twins.is_symmetric) == (1, False, True)
    assert not similarity_summary.of(PETS.matrix).is_symmetric
    alone = similarity_summary.of(np.ones((1, 1)))
    assert (alone.is_degenerate, alone.uniform_loss) == (False, 0.0)
    assert alone.as_dict()["near_loss"] is None


def test_the_most_and_the_least_alike_pairs():
    found = similarity_summary.pairs(PETS.matrix, PETS.classes)
    assert [(pair.kind, pair.first, pair.second) for pair in found] == [
        ("most similar", "cat", "dog"),
        ("most similar", "dog", "truck"),
        ("least similar", "cat", "truck"),
    ]
    assert found[0].similarity == pytest.approx(0.45)
    assert similarity_summary.pairs(np.ones((1, 1)), ["a"]) == []
    many = similarity_summary.pairs(ordinal(20, 0.5), [str(i) for i in range(20)])
    assert [pair.similarity for pair in many[:6]] == [0.5] * 6
    assert many[6] == ("least similar", "0", "19", 0.5**19)


@given(st.integers(0, 1000))
@settings(deadline=None)
def test_agreement_is_that_of_scipy(seed):
    from scipy import stats

    random = np.random.default_rng(seed)
    one, two = random.integers(0, 4, (2, 6, 6)) / 4
    apart = ~np.eye(6, dtype=bool)
    found = similarity_summary.agreement(one, two)
    assert found.correlation == pytest.approx(np.corrcoef(one[apart], two[apart])[0, 1])
    assert found.rank_correlation == pytest.approx(stats.spearmanr(one[apart], two[apart]).statistic)


def test_there_is_no_agreement_with_what_is_all_the_same():
    assert similarity_summary.agreement(np.eye(3), PETS.matrix) == similarity_summary.Agreement(None, None)


def test_the_heat_map_shows_every_cell_by_name():
    matrix = tree_similarity(RAGGED)
    plot = similarity_plot(matrix, RAGGED)
    assert plot.data[0].z.tolist() == matrix.round(5).tolist()
    assert list(plot.layout.xaxis.ticktext) == list(RAGGED.leaves)
    assert len(plot.layout.shapes) == 2  # between the two branches below the root, across and down
