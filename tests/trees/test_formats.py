"""Every format brings every tree back exactly, and whatever else it is given ends as one sentence."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

from hierapp import LabelTree, TreeError
from hierapp.trees import formats as tree_formats
from hierapp.trees.formats import FORMATS, LARGEST_FILE, MOST_LEVELS
from tests.strategies import named_trees

PETS = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])

# Half pairs of surrogates are no text; LabelTree refuses them and names of nothing but white space.
ANY_NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(lambda name: name.strip())
NASTY = (
    " leading and trailing ",
    'a "quoted" name',
    "it's",
    "''",
    '"',
    "a,b",
    "(a)",
    "[a]",
    "a;b:c",
    "{a: 1}",
    "T-shirt/top",
    "aquarium_fish",
    "two\nlines",
    "two\r\nlines",
    "carriage\rreturn",
    "tab\there",
    "nul\0here",
    "\ufeffmark",
    "猫",
    "кошка",
    "قطة",
    "🐈‍⬛",
    "e\u0301 and é",
    "\u2028separator\x85",
    "\\n",
    "parent",
    "child",
    "0",
    "1",
    "null",
    "=1+1",
    "x" * 200,
)
NASTY_NAMES = st.one_of(st.sampled_from(NASTY), ANY_NAME)


def chain(levels: int) -> LabelTree:
    """A root, a child, its child and so on."""
    return LabelTree([f"n{i}" for i in range(levels)], [i - 1 for i in range(levels)])


def refusal(file_name: str, content: str | bytes) -> str:
    """The sentence with which a file is refused; it is one line, names the file once, and ends with a full stop."""
    data = content if isinstance(content, bytes) else content.encode()
    with pytest.raises(TreeError) as refused:
        tree_formats.parse_bytes(data, file_name)
    said = str(refused.value)
    assert said.startswith(f"{file_name}: ")
    assert said.count(file_name) == 1
    assert said.endswith(".")
    assert "\n" not in said
    return said.removeprefix(f"{file_name}: ")


# Round trips


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
@given(tree=named_trees(NASTY_NAMES))
@example(tree=LabelTree(["root", *NASTY], [-1] + [0] * len(NASTY)))
@example(tree=LabelTree(["root", *NASTY], range(-1, len(NASTY))))
def test_every_format_brings_every_tree_back(name: str, tree: LabelTree) -> None:
    text = tree_formats.render(tree, name)
    assert text.endswith("\n")
    assert tree_formats.parse(text, name) == tree
    file_name = f"tree{FORMATS[name].suffix}"
    assert tree_formats.parse_bytes(text.encode(), file_name) == tree
    assert tree_formats.parse_bytes(text.encode("utf-8-sig"), file_name) == tree


@pytest.mark.parametrize("name", FORMATS)
def test_through_a_file(name: str, tmp_path: Path) -> None:
    tree = LabelTree(["root", *NASTY], [-1] + [0] * len(NASTY))
    path = tmp_path / f"tree{FORMATS[name].suffix}"
    tree.save(path)
    assert LabelTree.load(path) == tree
    assert LabelTree.load(str(path)) == tree
    assert path.read_bytes() == tree_formats.render(tree, name).encode()  # on every system


@pytest.mark.parametrize("name", FORMATS)
def test_the_deepest_tree_comes_back_and_one_deeper_is_refused(name: str) -> None:
    deepest = chain(MOST_LEVELS)
    assert tree_formats.parse(tree_formats.render(deepest, name), name) == deepest
    with pytest.raises(TreeError, match=f"The tree has {MOST_LEVELS + 1} levels; expected at most {MOST_LEVELS}"):
        tree_formats.render(chain(MOST_LEVELS + 1), name)


def test_the_registry() -> None:
    assert {name: known.suffix for name, known in FORMATS.items()} == {
        "json": ".json",
        "adjacency": ".adjacency.csv",
        "edges": ".csv",
        "newick": ".nwk",
    }
    assert tree_formats.of_name("Cats.ADJACENCY.CSV") is FORMATS["adjacency"]
    assert tree_formats.of_name("cats.csv") is FORMATS["edges"]
    for call in (tree_formats.parse, tree_formats.render):
        with pytest.raises(TreeError, match="Unknown format 'yaml'; choose one of json, adjacency, edges, newick"):
            call(PETS, "yaml")  # type: ignore[arg-type]


# What the files look like


def test_the_texts_of_a_small_tree() -> None:
    assert tree_formats.render(PETS, "edges") == "parent,child\nroot,animal\nanimal,cat\nanimal,dog\nroot,truck\n"
    assert tree_formats.render(PETS, "newick") == "((cat,dog)animal,truck)root;\n"
    assert tree_formats.render(PETS, "adjacency") == (
        ",root,animal,cat,dog,truck\nroot,0,1,0,0,1\nanimal,0,0,1,1,0\ncat,0,0,0,0,0\ndog,0,0,0,0,0\ntruck,0,0,0,0,0\n"
    )
    leaves = [{"name": "cat"}, {"name": "dog"}]
    below = [{"name": "animal", "children": leaves}, {"name": "truck"}]
    assert json.loads(tree_formats.render(PETS, "json")) == {"name": "root", "children": below}
    assert '  {"name": "truck"}\n' in tree_formats.render(PETS, "json")  # a leaf is one line


@given(tree=named_trees(NASTY_NAMES))
def test_the_json_module_reads_our_json(tree: LabelTree) -> None:
    def relations(node: dict) -> list[tuple[str, str]]:
        below = node.get("children", [])
        return [pair for child in below for pair in [(node["name"], child["name"]), *relations(child)]]

    edges = [(tree.nodes[p], tree.nodes[i]) for i, p in enumerate(tree.parents.tolist()) if p >= 0]
    assert relations(json.loads(tree_formats.render(tree, "json"))) == edges


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("json", '{"name": "root", "children": [{"name": "animal", "children": ["cat", "dog"]}, "truck"]}'),
        ("json", '{"children": [{"children": ["cat", "dog"], "name": "animal"}, "truck"], "name": "root", "title": 3}'),
        (
            "json",
            '{"name": "root", "children": [{"name": "animal", "children": [{"name": "cat", "children": []},'
            ' {"name": "dog", "children": null, "size": 4}]}, "truck"]}',
        ),
        ("edges", "Parent, Child\r\nroot,animal\r\nanimal,cat\r\nanimal,dog\r\nroot,truck"),
        ("edges", '"parent","child"\n"root","animal"\n\nanimal,cat\nanimal,dog\nroot,truck\n\n'),
        (
            "adjacency",
            '"",root,animal,cat,dog,truck\nroot,0, 1,0,0,1\nanimal,0,0,1,1,0\ncat,0,0,0,0,0\ndog'
            ",0,0,0,0,0\ntruck,0,0,0,0,0\n",
        ),
        ("newick", "((cat:1.0,dog:2e-3)animal:0.5[&support=99],truck)root:0;"),
        ("newick", " [a comment; (with), 'anything']( ( cat , 'dog' )\n'animal',truck )root ; "),
    ],
)
def test_other_ways_of_writing_it(name: str, text: str) -> None:
    assert tree_formats.parse(text, name) == PETS


def test_newick_keeps_underscores_and_reads_two_quotes_as_one() -> None:
    assert tree_formats.parse("(aquarium_fish,'it''s')root;", "newick").leaves == ("aquarium_fish", "it's")


# Files that are something else


@pytest.mark.parametrize("written", FORMATS)
@pytest.mark.parametrize("suffix", [*(known.suffix for known in FORMATS.values()), ".txt", ".tsv", ".tree", ""])
def test_the_content_decides_and_not_the_suffix(written: str, suffix: str) -> None:
    if (written, suffix) != ("edges", ".adjacency.csv"):
        assert tree_formats.parse_bytes(tree_formats.render(PETS, written).encode(), f"cats{suffix}") == PETS


@pytest.mark.parametrize("file_name", ["cats.txt", "cats", "", "cats.json.zip", ".nwk.bak"])
def test_an_unknown_suffix_cannot_be_written(file_name: str) -> None:
    with pytest.raises(TreeError, match=r"the suffix .*use one of \.json, \.adjacency\.csv, \.csv, \.nwk\.$"):
        tree_formats.save(PETS, file_name)


@pytest.mark.parametrize("known", FORMATS.values(), ids=FORMATS)
def test_what_no_format_reads(known: tree_formats.TreeFormat) -> None:
    file_name = f"cats{known.suffix}"
    for nothing in ("", " \n\t\n", "\ufeff"):
        assert refusal(file_name, nothing) == "The file is empty; expected a label tree."
    assert refusal(file_name, b"\x89PNG\r\n") == "byte 0 is not UTF-8; save the file as UTF-8 text."
    with pytest.raises(TreeError, match=f"The file is empty; expected {known.label}"):
        known.parse(" ")
    assert "larger than 10 MB" in refusal(file_name, b"x" * (LARGEST_FILE + 1))


def test_paths_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    folder = tmp_path / "folder.json"
    folder.mkdir()
    for path, said in [
        (tmp_path / "none.json", "There is no file"),
        (tmp_path / "none" / "none.json", "There is no file"),
        (folder, "is a folder; give a file"),
        (tmp_path / f"{'a' * 300}.json", "cannot be read"),
        ("nul\0.json", "cannot be read"),
    ]:
        with pytest.raises(TreeError, match=said):
            LabelTree.load(path)
    for path in (folder, tmp_path / "none" / "none.json", tmp_path / f"{'a' * 300}.json", "nul\0.json"):
        with pytest.raises(TreeError, match="cannot be written"):
            PETS.save(path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    path = tmp_path / "cats.json"
    PETS.save(path)
    monkeypatch.setattr(os, "open", refuse)  # root may read all, so that a file's mode would not do
    with pytest.raises(TreeError, match=r"cats\.json' cannot be read \(Permission denied\)\.$"):
        LabelTree.load(path)
    with pytest.raises(TreeError, match=r"cats\.json' cannot be written \(Permission denied\)\.$"):
        PETS.save(path)


def test_a_file_that_never_ends_is_not_read_to_its_end(tmp_path: Path) -> None:
    endless = tmp_path / "endless.json"
    endless.symlink_to("/dev/zero")
    with pytest.raises(TreeError, match="device"):
        LabelTree.load(endless)


# Files that are broken inside


@pytest.mark.parametrize(
    ("file_name", "content", "said"),
    [
        ("t.json", '{"name": "root",\n "children": [}', "Broken JSON in line 2, column 15: expecting value"),
        ("t.json", '{"name": "root"', "Broken JSON in line 1"),
        ("t.json", "[]", "Expected at the top an object with a \"name\" and perhaps \"children\" but got []"),
        ("t.json", '{"name": "root", "children": [null]}', "Expected below 'root' an object"),
        ("t.json", '{"name": "root", "children": {"a": 1}}', "Expected the \"children\" of 'root' to be a list"),
        ("t.json", '{"name": "root", "children": 0}', "Expected the \"children\" of 'root' to be a list but got 0"),
        ("t.json", '{"name": "root", "children": ["a", "a"]}', "The name 'a' is used twice"),
        ("t.json", '{"name": "root", "children": ["a", ""]}', "A node has an empty name"),
        ("t.json", '{"name": "root", "children": ["\\ud800"]}', "surrogate"),
        ("t.json", '{"name": "root", "children": []}', "The tree has no leaf"),
        ("t.json", '"root"', "The tree has no leaf"),
        ("t.json", '{"name": ' + "9" * 5000 + "}", "Broken JSON"),
        ("t.csv", "parent,child\nroot,cat\nroot\n", "Expected a parent and a child in line 3 but got 1 cells"),
        ("t.csv", 'parent,child\nroot,"cat\n', "Broken CSV in line 2"),
        ("t.csv", 'parent,child\nroot,"cat"s\n', "Broken CSV in line 2"),
        ("t.csv", f"parent,child\nroot,{'x' * 200_000}\n", "Broken CSV in line 2: field larger than field limit"),
        ("t.csv", "parent,child\nroot,\n", "A node has an empty name"),
        ("t.csv", "parent,child\n", "The tree has no leaf"),
        ("t.csv", "parent,child\nr,x\na,b\nb,a\n", "form a cycle"),
        ("t.csv", "parent,child\na,c\nb,c\n", "The node 'c' has two parents, 'a' and 'b'"),
        ("t.csv", "parent,child\na,b\nc,d\n", "The nodes 'a', 'c' are all roots"),
        ("t.csv", "parent,child\na,b\na,b\n", "The edge from 'a' to 'b' is given twice"),
        ("t.adjacency.csv", "r,a\nr,0,1\n", "Expected the first line to be an empty cell and then the names"),
        ("t.adjacency.csv", ",r,a\nr,0\n", "Expected 3 cells in line 2, as in the first line, but got 2"),
        ("t.adjacency.csv", ",r,a\nr,0,2\na,0,0\n", "Line 2 contains cells other than 0 and 1"),
        ("t.adjacency.csv", ",r,a\nr,0,²\na,0,0\n", "Line 2 contains cells other than 0 and 1"),
        ("t.adjacency.csv", ",r,a\nr,0,1\n", "Expected 2 rows, one per name in the first line, but got 1"),
        ("t.adjacency.csv", ",r,a\nr,0,1\na,0,0\nb,0,0\n", "Line 4 is the row of 'b'"),
        ("t.adjacency.csv", '""\n', "Expected a table"),
        ("t.adjacency.csv", ",r,a\nr,0,1\nr,0,0\n", "Line 3 is a second row of 'r'"),
        ("t.json", '{"name": 3.5}', "The tree has no leaf"),
        ("t.json", '{"a": {"b": {}}, "a": {"c": {}}}', "The name 'a' is used twice as a key of one object"),
        ("t.csv", "cat\ndog\n", "Expected lines of parent,child or of ranks"),
        ("t.adjacency.csv", ",r,r\nr,0,1\nr,0,0\n", "The name 'r' is used twice"),
        ("t.adjacency.csv", ",r,a\nr,0,0\na,0,0\n", "The nodes 'r', 'a' are all roots"),
        ("t.nwk", "(a,b)root", "the closing semicolon is missing"),
        ("t.nwk", "()root;", "a leaf before ')' has no name"),
        ("t.nwk", ";", "a leaf before ';' has no name"),
        ("t.nwk", "((a,b)root;", "more opening parentheses than closing ones"),
        ("t.nwk", "(a,b))root;", "more closing parentheses than opening ones"),
        ("t.nwk", "(a,b)(c,d)root;", "an opening parenthesis follows a node"),
        ("t.nwk", "(a(b)c)root;", "an opening parenthesis follows a node"),
        ("t.nwk", "(a b)root;", "the labels 'a' and 'b' follow one another"),
        ("t.nwk", "(a,b)root; (c)", "'(' follows after the closing semicolon"),
        ("t.nwk", "(a,b]root;", "']' where a name was expected"),
        ("t.nwk", "(a,b[root;", "a comment in [brackets] does not end"),
        ("t.nwk", "(a,'b)root;", "a quoted name does not end"),
        ("t.nwk", "(a,'')root;", "A node has an empty name"),
        ("t.nwk", "(a,a)root;", "The name 'a' is used twice"),
        ("t.nwk", "a,b;", "The nodes 'a', 'b' are all roots"),
        ("t.nwk", "root;", "The tree has no leaf"),
    ],
)  # fmt: skip
def test_what_is_broken_inside(file_name: str, content: str, said: str) -> None:
    assert said in refusal(file_name, content)


# Deep and large


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file_name", "content"),
    [
        ("t.json", '{"name":"a","children":[' * 100_000),
        ("t.json", "[" * 100_000 + "]" * 100_000),
        ("t.json", '{"name":"a","children":[],"x":' + "[" * 100_000 + "]" * 100_000 + "}"),
        ("t.json", "".join(f'{{"name":"{i}","children":[' for i in range(100_000)) + '"x"' + "]}" * 100_000),
        ("t.nwk", "(" * 100_000 + "x" + "".join(f")n{i}" for i in range(100_000)) + ";"),
        ("t.nwk", "(" * 100_000),
        ("t.csv", "parent,child\n" + "".join(f"n{i},n{i + 1}\n" for i in range(100_000))),
    ],
    ids=lambda value: value if len(value) < 20 else "",
)
@pytest.mark.timeout(180)  # seconds, unless the time grows with the square of the depth
def test_a_hundred_thousand_levels_are_refused_quickly(file_name: str, content: str) -> None:
    refusal(file_name, content)


def test_lists_nested_up_to_and_past_what_the_json_module_reads_are_refused_shortly() -> None:
    for depth in range(1, 1200):
        said = refusal("t.json", '{"name":"r","children":[{"children":' + "[" * depth + "]" * depth + "}]}")
        assert len(said) < 160


def test_a_matrix_too_large_for_a_file_is_refused_before_it_is_made() -> None:
    tree = LabelTree([f"n{i}" for i in range(50_000)], [-1] + [0] * 49_999)
    with pytest.raises(TreeError, match="A matrix of 50000 nodes is too large for a file; use another format"):
        tree_formats.render(tree, "adjacency")
    assert tree_formats.parse(tree_formats.render(tree, "edges"), "edges") == tree


# Anything at all


def check_outcome(data: bytes, file_name: str) -> None:
    """A tree that comes back from its own text, or a TreeError of one line."""
    try:
        tree = tree_formats.parse_bytes(data, file_name)
    except TreeError as error:
        said = str(error)
    else:
        known = tree_formats.of_name(file_name)
        assert known.parse(known.render(tree)) == tree
        return
    assert said.startswith(f"{file_name}: ")
    assert "\n" not in said


@pytest.mark.parametrize("suffix", [known.suffix for known in FORMATS.values()])
@given(data=st.one_of(st.binary(max_size=60), st.text("(),;:'\"[]{}ab01 \n\r\0ename", max_size=60).map(str.encode)))
def test_any_bytes_end_as_a_tree_or_a_tree_error(suffix: str, data: bytes) -> None:
    check_outcome(data, f"t{suffix}")


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
@given(tree=named_trees(NASTY_NAMES, max_nodes=8), data=st.data())
def test_mutated_files_end_as_a_tree_or_a_tree_error(name: str, tree: LabelTree, data: st.DataObject) -> None:
    content = bytearray(tree_formats.render(tree, name).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        stop = data.draw(st.integers(start, min(len(content), start + 8)))
        content[start:stop] = data.draw(
            st.one_of(st.binary(max_size=4), st.sampled_from([*b"(),;:'\"[]{}\n\r\0"]).map(lambda byte: bytes([byte])))
        )
    check_outcome(bytes(content), f"t{FORMATS[name].suffix}")


@pytest.mark.parametrize("call", [tree_formats.load, lambda name: tree_formats.parse_bytes(b"{", name)])
def test_a_file_name_of_two_lines_is_told_in_one(call):
    with pytest.raises(TreeError, match=r"two lines\.json") as caught:
        call("two\nlines.json")
    assert "\n" not in str(caught.value)


def test_a_folder_is_told_as_such(tmp_path):
    with pytest.raises(TreeError, match=r"is a folder; give a file with a label tree\.$"):
        tree_formats.load(tmp_path)


def test_ten_thousand_mutated_files_end_as_a_tree_or_a_tree_error():
    from hierapp.trees import library as tree_library

    draw = np.random.default_rng(0)
    texts = [
        (fmt.suffix, tree_formats.render(tree_library.load(name), key).encode())
        for key, fmt in tree_formats.FORMATS.items()
        for name in ("cifar10", "digits", "cifar10-binary")
    ]
    trees: list[LabelTree] = []
    for turn in range(10_000):
        suffix, text = texts[turn % len(texts)]
        data = bytearray(text)
        for _ in range(draw.integers(1, 5)):
            at = int(draw.integers(len(data)))
            match draw.integers(4):
                case 0:
                    data[at] = draw.integers(256)
                case 1:
                    del data[at : at + int(draw.integers(1, 20))]
                case 2:
                    data[at:at] = data[at : at + int(draw.integers(1, 20))]
                case _:
                    data[at:at] = b'{}[](),:;"\n\x00'[int(draw.integers(12)) :][:1]
        with contextlib.suppress(TreeError):
            trees += [tree_formats.parse_bytes(bytes(data), f"t{suffix}")]
    # Some mutations hit a name alone; most break something.
    assert 500 < len(trees) < 9_500
    assert all(LabelTree(tree.nodes, tree.parents) == tree for tree in trees)
