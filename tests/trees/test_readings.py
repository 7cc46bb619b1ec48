# ruff: noqa: E501
"""Tree files as users have them: read as what they are, or refused with the ways in which they can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hierapp import LabelTree, TreeError
from hierapp.errors import AmbiguousTreeError, DuplicateNamesError
from hierapp.trees import formats, text as tree_text

THINGS = "things>animal things>vehicle animal>cat animal>dog vehicle>bus vehicle>van"
ROWS = [tuple(edge.split(">")) for edge in THINGS.split()]
STAR = "things>cat things>dog"
ADJACENCY = ",r,a,b\nr,0,1,1\na,0,0,0\nb,0,0,0\n"


def csv(header: str = "parent,child", mark: str = ",", end: str = "\n", more: str = "") -> str:
    """The edges of THINGS as a table."""
    lines = [header] if header else []
    return "".join(line + end for line in lines + [mark.join(row) + more for row in ROWS])


def edges_of(tree: LabelTree) -> set[str]:
    return {f"{tree.nodes[parent]}>{tree.nodes[i]}" for i, parent in enumerate(tree.parents.tolist()) if parent >= 0}


# Edges

EDGES = {
    "no header": ("t.csv", csv(""), THINGS),
    "no header, CRLF": ("t.csv", csv("", end="\r\n"), THINGS),
    "old Macintosh": ("t.csv", csv(end="\r"), THINGS),
    "semicolons": ("t.csv", csv("parent;child", ";"), THINGS),
    "tabs": ("t.tsv", csv("parent\tchild", "\t"), THINGS),
    "bars": ("t.txt", csv("", "|"), THINGS),
    "sep= line": ("t.csv", "sep=;\n" + csv("parent;child", ";"), THINGS),
    "sep= line with a tab": ("t.csv", "sep=\t\n" + csv("", "\t"), THINGS),
    "source and target": ("t.csv", csv("source,target"), THINGS),
    "from and to": ("t.csv", csv("from,to"), THINGS),
    "UTF-16": ("t.csv", csv().encode("utf-16"), THINGS),
    "UTF-16, big end first, without a mark": ("t.csv", csv().encode("utf-16-be"), THINGS),
    "UTF-32": ("t.csv", csv().encode("utf-32"), THINGS),
    "UTF-8 with a mark": ("t.csv", csv("parent;child", ";").encode("utf-8-sig"), THINGS),
    "pandas index": ("t.csv", ",parent,child\n" + "".join(f"{i},{p},{c}\n" for i, (p, c) in enumerate(ROWS)), THINGS),
    "pandas index, numbered columns": ("t.csv", ",0,1\n0,r,a\n1,r,b\n2,a,c\n", "r>a r>b a>c"),
    "pandas, numbered columns": ("t.csv", "0,1\nr,a\nr,b\n", "r>a r>b"),
    "a row of the root": ("t.csv", csv("parent,child\n,things"), THINGS),
    "a row of the root, no header": ("t.csv", csv(",things"), THINGS),
    "weights": ("t.csv", csv("parent,child,weight", more=",1"), THINGS),
    "weights, no header": ("t.csv", csv("", more=",0.5"), THINGS),
    "relation, no header": ("t.csv", csv("", more=",is_a"), THINGS),
    "trailing columns": ("t.csv", csv("parent,child,,", more=",,"), THINGS),
    "trailing columns, no header": ("t.csv", csv("", more=",,"), THINGS),
    "space after comma": ("t.csv", 'parent, child\nthings, "cat"\nthings, dog\n', STAR),
    "decomposed names": ("t.csv", "parent,child\nGemu\u0308se,Mo\u0308hre\nGemüse,Rübe\n", "Gemüse>Möhre Gemüse>Rübe"),
    "blank lines": ("t.csv", "parent,child\n\nthings,cat\n,\nthings,dog\n", STAR),
    "child and parent": ("t.csv", "child,parent\ncat,things\ndog,things\nthings,\n", STAR),
    "name and parent": ("t.csv", "name,parent\nthings,\ncat,things\ndog,things\n", STAR),
    "ids": ("t.csv", "id,name,parent_id\n1,things,\n2,cat,1\n3,dog,1\n", STAR),
    "ids where names repeat": ("t.csv", "id,parentId,name\n1,,r\n2,1,a\n3,1,b\n4,2,x\n5,3,x\n", "1>2 1>3 2>4 3>5"),
    "star, no header": ("t.csv", "things,cat\nthings,dog\n", STAR),
    "whole numbers": ("t.csv", "0,1\n0,2\n1,3\n", "0>1 0>2 1>3"),
    "names with the other delimiter": ("t.csv", "parent;child\nr;a, b\nr;c, d\n", "r>a, b;r>c, d"),
    "arrows": ("t.txt", csv("", " -> "), THINGS),
    "arrows without spaces": ("t.txt", csv("", "->"), THINGS),
    "white space": ("t.txt", csv("", "   "), THINGS),
    "edge list of networkx": ("t.edgelist", "things cat {}\nthings dog {'weight': 1.0}\n", STAR),
    "commented edge list": ("t.txt", "# made by hand\nr a 0.5\nr b 0.7\na c 1\n", "r>a r>b a>c"),
}

RANKS = {
    "biology": ("t.csv", "family,species\nFelidae,cat\nFelidae,lion\n", "Felidae>cat Felidae>lion"),
    "biology, from the species up": ("t.csv", "species,family\ncat,Felidae\nlion,Felidae\n", "Felidae>cat Felidae>lion"),
    "coarse and fine": ("t.csv", "coarse,fine\nanimal,cat\nanimal,dog\nx,y\n", "root>animal root>x animal>cat animal>dog x>y"),
    "class and superclass": ("t.csv", "class,superclass\ncat,animal\ndog,animal\n", "animal>cat animal>dog"),
    "levels": ("t.csv", "level_1,level_2,level_3\nx,a,c\nx,b,d\nx,,e\n", "x>a x>b a>c b>d x>e"),
    "pandas index": ("t.csv", ",coarse,fine\n0,animal,cat\n1,animal,dog\n", "animal>cat animal>dog"),
    "no header": ("t.csv", "x,a,c\nx,a,d\nx,b,e\n", "x>a a>c a>d x>b b>e"),
    "two columns, no header": ("t.csv", "animal,cat\nanimal,dog\nvehicle,bus\n", "root>animal animal>cat animal>dog root>vehicle vehicle>bus"),
    "padded": ("t.csv", "animal,cat,cat\nanimal,dog,dog\ncake,cake,cake\n", "root>animal animal>cat animal>dog root>cake"),
    "breadcrumbs": ("t.txt", "Animals\nAnimals > Cats\nAnimals > Dogs\n", "Animals>Cats Animals>Dogs"),
}  # fmt: skip

MATRICES = {
    "under the name of edges": ("t.csv", ADJACENCY, "r>a r>b"),
    "floats": ("t.adjacency.csv", ADJACENCY.replace("0", "0.0").replace("1", "1.0"), "r>a r>b"),
    "text": ("t.txt", ADJACENCY, "r>a r>b"),
    "tabs": ("t.txt", ADJACENCY.replace(",", "\t"), "r>a r>b"),
    "semicolons and decimal commas": ("t.csv", ADJACENCY.replace(",", ";").replace("1", "1,0"), "r>a r>b"),
    "truth values": ("t.csv", ADJACENCY.replace("0", "False").replace("1", "True"), "r>a r>b"),
    "rows in another order": ("t.csv", ",a,b,r\nr,1,1,0\na,0,0,0\nb,0,0,0\n", "r>a r>b"),
    "a name in the corner": ("t.csv", "node" + ADJACENCY, "r>a r>b"),
}

MADE = "root>animal root>vehicle animal>cat animal>dog vehicle>bus vehicle>van"
JSON = {
    "nested objects": ('{"animal": {"cat": {}, "dog": {}}, "vehicle": {"bus": {}, "van": {}}}', MADE),
    "nested objects with counts": ('{"animal": {"cat": 3, "dog": null}, "vehicle": {"bus": 1, "van": []}}', MADE),
    "lists of classes": ('{"animal": ["cat", "dog"], "vehicle": ["bus", "van"]}', MADE),
    "lists in objects": ('{"things": {"animal": ["cat", "dog"], "vehicle": ["bus", "van"]}}', THINGS),
    "lists of children": ('{"things": ["animal", "vehicle"], "animal": ["cat", "dog"], "vehicle": ["bus", "van"]}', THINGS),
    "map to the parent": ('{"cat": "animal", "dog": "animal", "animal": "things", "things": null}', "things>animal animal>cat animal>dog"),
    "pairs": ('[["things", "cat"], ["things", "dog"]]', STAR),
    "records": ('[{"parent": "things", "child": "cat", "w": 0.5}, {"parent": "things", "child": "dog", "w": 1}]', STAR),
    "records with ids": ('[{"id": 1, "name": "things", "parent": null}, {"id": 2, "name": "cat", "parent": 1}, {"id": 3, "name": "dog", "parent": 1}]', STAR),
    "records of ranks": ('[{"coarse": "things", "fine": "cat"}, {"coarse": "things", "fine": "dog"}]', STAR),
    "pandas by columns": ('{"parent": {"0": "things", "1": "things"}, "child": {"0": "cat", "1": "dog"}}', STAR),
    "pandas split": ('{"columns": ["parent", "child"], "index": [0, 1], "data": [["things", "cat"], ["things", "dog"]]}', STAR),
    "COCO categories": ('[{"supercategory": "animal", "id": 1, "name": "cat"}, {"supercategory": "animal", "id": 2, "name": "dog"}, {"supercategory": "vehicle", "id": 3, "name": "bus"}, {"supercategory": "vehicle", "id": 4, "name": "van"}]', MADE),
    "COCO file, a category alone in a group of its name": ('{"images": [], "categories": [{"supercategory": "person", "id": 1, "name": "person"}, {"supercategory": "animal", "id": 2, "name": "cat"}]}', "root>person root>animal animal>cat"),
    "COCO of Roboflow": ('[{"id": 0, "name": "things", "supercategory": "none"}, {"id": 1, "name": "cat", "supercategory": "things"}, {"id": 2, "name": "dog", "supercategory": "things"}]', STAR),
    "Open Images": ('{"LabelName": "/m/0", "Subcategory": [{"LabelName": "/m/1", "Part": [{"LabelName": "/m/9"}]}, {"LabelName": "/m/2", "Subcategory": [{"LabelName": "/m/3"}]}]}', "/m/0>/m/1 /m/0>/m/2 /m/2>/m/3"),
    "ontology": ('[{"id": "/a", "name": "Sounds", "child_ids": ["/b", "/c"]}, {"id": "/b", "name": "Hum", "child_ids": []}, {"id": "/c", "name": "Click", "child_ids": []}]', "Sounds>Hum Sounds>Click"),
    "ontology with two tops": ('[{"id": "/a", "name": "A", "child_ids": ["/b"]}, {"id": "/b", "name": "B", "child_ids": []}, {"id": "/c", "name": "C", "child_ids": []}]', "root>A A>B root>C"),
    "node-link with links": ('{"directed": true, "nodes": [{"id": "f", "label": "things"}, {"id": "c", "label": "cat"}, {"id": "d", "label": "dog"}], "links": [{"source": "f", "target": "c"}, {"source": "f", "target": "d"}]}', STAR),
    "node-link with edges and numbers": ('{"directed": true, "nodes": [{"id": 0}, {"id": 1}], "edges": [{"source": 0, "target": 1}]}', "0>1"),
    "node-link with repeated labels": ('{"nodes": [{"id": "a", "label": "r"}, {"id": "b", "label": "other"}, {"id": "c", "label": "other"}], "links": [{"source": "a", "target": "b"}, {"source": "a", "target": "c"}]}', "a>b a>c"),
    "node-link of d3, by position": ('{"nodes": [{"name": "things"}, {"name": "cat"}, {"name": "dog"}], "links": [{"source": 0, "target": 1}, {"source": 0, "target": 2}]}', STAR),
    "adjacency data of networkx": ('{"directed": true, "nodes": [{"id": "things"}, {"id": "cat"}, {"id": "dog"}], "adjacency": [[{"id": "cat"}, {"id": "dog"}], [], []]}', STAR),
    "tree data of networkx": ('{"id": "things", "children": [{"id": "cat"}, {"id": "dog"}]}', STAR),
    "Cytoscape": ('{"elements": {"nodes": [{"data": {"id": "0", "name": "things"}}, {"data": {"id": "1", "name": "cat"}}], "edges": [{"data": {"source": "0", "target": "1"}}]}}', "things>cat"),
    "numbers as names": ('{"name": "digits", "children": [{"name": 0}, 1]}', "digits>0 digits>1"),
    "a list of trees": ('[{"name": "animal", "children": ["cat"]}, {"name": "bus"}]', "root>animal animal>cat root>bus"),
    "a list of names": ('["cat", "dog"]', "root>cat root>dog"),
    "a root without a name": ('{"children": [{"name": "cat"}, {"name": "dog"}]}', "root>cat root>dog"),
}  # fmt: skip

NEWICK = {
    "another suffix": ("t.tree", "((cat,dog)animal,(bus,van)vehicle)things;", THINGS),
    "pasted": ("t.txt", "((cat,dog)animal,(bus,van)vehicle)things;", THINGS),
    "unnamed inner nodes": ("t.nwk", "((cat:0.1,dog:0.2):0.3,bus:0.1);", "root>group 1 group 1>cat group 1>dog root>bus"),
    "support values": ("t.nwk", "((a:1,b:2)100:0.3,(c,d)100:0.1)r;", "r>group 1 r>group 2 group 1>a group 1>b group 2>c group 2>d"),
    "two support values": ("t.nwk", "((a,b)95/0.98,c)r;", "r>group 1 group 1>a group 1>b r>c"),
    "a number in quotes is a name": ("t.nwk", "((a,b)'95',c)r;", "r>95 95>a 95>b r>c"),
    "numbers at leaves are names": ("t.nwk", "((0,2)even,(1,3)odd)digits;", "digits>even even>0 even>2 digits>odd odd>1 odd>3"),
    "made names are free": ("t.nwk", "((a,b),('group 1',c)x)root;", "root>group 2 group 2>a group 2>b root>x x>group 1 x>c"),
    "nested comment": ("t.nwk", "((cat[seen [twice] here],dog)animal,van)things;", "things>animal animal>cat animal>dog things>van"),
    "comment first": ("t.txt", "[&R] ((a,b)x,c)r;", "r>x x>a x>b r>c"),
    "double quotes": ("t.nwk", '("the ""cat""",dog)root;', 'root>the "cat";root>dog'),
}  # fmt: skip

OUTLINES = {
    "bullets": ("t.txt", "- animal\n  - cat\n  - dog\n", "animal>cat animal>dog"),
    "commas in names": ("t.txt", "food\n  fruit, fresh\n    apple, red\n", "food>fruit, fresh;fruit, fresh>apple, red"),
    "drawn by tree show": ("t.txt", "root\n├── a\n│   ├── c\n│   └── d\n└── b\n", "root>a a>c a>d root>b"),
    "drawn by tree": ("t.txt", "root\n├── a\n│\xa0\xa0 └── c\n└── b\n", "root>a a>c root>b"),
    "drawn in plain characters": ("t.txt", "root\n|-- a\n|   `-- c\n`-- b\n", "root>a a>c root>b"),
}

CASES = {
    **{f"edges, {name}": case for name, case in EDGES.items()},
    **{f"ranks, {name}": case for name, case in RANKS.items()},
    **{f"adjacency, {name}": case for name, case in MATRICES.items()},
    **{f"JSON, {name}": ("t.json", *case) for name, case in JSON.items()},
    **{f"Newick, {name}": case for name, case in NEWICK.items()},
    **{f"outline, {name}": case for name, case in OUTLINES.items()},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_file_an_upload_and_pasted_text_are_read_alike(case: tuple[str, str | bytes, str], tmp_path: Path) -> None:
    name, content, edges = case
    wanted = _joined(edges)
    data = content if isinstance(content, bytes) else content.encode()
    assert edges_of(formats.parse_bytes(data, name)) == wanted
    (tmp_path / name).write_bytes(data)
    assert edges_of(LabelTree.load(tmp_path / name)) == wanted
    if isinstance(content, str) and not name.endswith(".edgelist"):
        assert edges_of(tree_text.parse(content)) == wanted


def _joined(edges: str) -> set[str]:
    """Split edges at semicolons, or else at spaces; "group 1" is one word."""
    if ";" in edges:
        return set(edges.split(";"))
    return {edge.replace("_", " ") for edge in edges.replace("group ", "group_").split()}


# Several readings

ASKED = {
    "child and parent without a header": ("t.csv", "cat,animal\ndog,animal\n", ["child-parent"]),
    "a chain": ("t.csv", "a,b\nb,c\n", ["child-parent", "edges"]),
    "a header that is not known": (
        "t.csv",
        "Ober,Unter\nanimal,cat\nanimal,dog\n",
        ["edges header", "ranks no-header"],
    ),
    "numbers that are names or weights": ("t.csv", "r,a,1\nr,b,2\n", ["edges", "ranks no-header"]),
    "two delimiters": ("t.csv", "r;a,b\nr;c,d\n", ["edges no-header semicolon", "ranks no-header comma"]),
    "two words a line": ("t.txt", "polar bear\npolar fox\n", ["edges", "outline"]),
    "tabs and spaces": ("t.txt", "animal\n    mammal\n\tcat\n", ["outline tab-4", "outline tab-8"]),
    "lists without names": ("t.json", '[["cat", "dog"], ["bus", "van"]]', ["groups", "ranks"]),
    "map from name to name": ("t.json", '{"a": "b", "b": "c"}', ["child-parent", "edges"]),
}


@pytest.mark.parametrize("case", ASKED.values(), ids=ASKED)
def test_several_readings_are_asked_about_and_can_be_chosen(case: tuple[str, str, list[str]]) -> None:
    name, content, choices = case
    with pytest.raises(AmbiguousTreeError, match=f"^{name}: .*read_as=.*--as .* on the command line") as asked:
        formats.parse_bytes(content.encode(), name)
    assert "\n" not in str(asked.value)
    given = asked.value.readings
    assert len(given) >= len(choices)
    trees = [formats.parse_bytes(content.encode(), name, read_as=each) for each in given]
    assert len({frozenset(edges_of(tree)) for tree in trees}) == len(trees)
    for choice in choices:
        assert formats.parse_bytes(content.encode(), name, read_as=choice) in trees


def test_a_reading_that_there_is_not() -> None:
    with pytest.raises(TreeError, match=r"^t\.csv: This text cannot be read as 'newick'; choose one of 'edges'"):
        formats.parse_bytes(csv().encode(), "t.csv", read_as="newick")


# One name for several nodes

DUPLICATES = {
    "JSON": ("t.json", '{"name": "r", "children": [{"name": "animal", "children": ["cat", "other"]}, {"name": "vehicle", "children": ["bus", "other"]}]}'),
    "nested objects": ("t.json", '{"r": {"animal": ["cat", "other"], "vehicle": ["bus", "other"]}}'),
    "Newick": ("t.nwk", "((cat,other)animal,(bus,other)vehicle)r;"),
    "outline": ("t.txt", "r\n  animal\n    cat\n    other\n  vehicle\n    bus\n    other\n"),
    "edges": ("t.csv", "parent,child\nr,animal\nr,vehicle\nanimal,cat\nanimal,other\nvehicle,bus\nvehicle,other\n"),
    "ranks": ("t.csv", "r,animal,cat\nr,animal,other\nr,vehicle,bus\nr,vehicle,other\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", DUPLICATES.values(), ids=DUPLICATES)
def test_names_of_several_nodes_are_refused_and_disambiguated(case: tuple[str, str], tmp_path: Path) -> None:
    name, content = case
    with pytest.raises(
        DuplicateNamesError, match=r"'other'.*'other \(animal\)'.*--disambiguate on the command"
    ) as said:
        formats.parse_bytes(content.encode(), name)
    assert said.value.offered == {"other": ["other (animal)", "other (vehicle)"]}
    (tmp_path / name).write_text(content)
    tree = LabelTree.load(tmp_path / name, disambiguate=True)
    assert edges_of(tree) == {
        "r>animal", "r>vehicle", "animal>cat", "animal>other (animal)", "vehicle>bus", "vehicle>other (vehicle)"
    }  # fmt: skip


def test_every_name_of_several_nodes_is_told() -> None:
    pairs = [(group, f"other {i}") for i in range(12) for group in ("a", "b")]
    with pytest.raises(DuplicateNamesError) as said:
        LabelTree.from_edges([("r", "a"), ("r", "b"), *pairs])
    assert all(repr(f"other {i}") in str(said.value) for i in range(12))
    with pytest.raises(DuplicateNamesError) as said:
        LabelTree(["r", "a", "b", *(child for _, child in pairs)], [-1, 0, 0, *(1 + (p == "b") for p, _ in pairs)])
    assert all(repr(f"other {i}") in str(said.value) for i in range(12))


def test_siblings_of_one_name_are_refused_also_when_disambiguated() -> None:
    for disambiguate in (False, True):
        with pytest.raises(DuplicateNamesError, match="The name 'cat' is used twice"):
            tree_text.parse('{"name": "r", "children": ["cat", "cat"]}', disambiguate=disambiguate)


def test_disambiguation_goes_further_up_where_the_parents_have_one_name_too() -> None:
    content = '{"r": {"animal": {"other": ["red"]}, "vehicle": {"other": ["red"]}}}'
    leaves = formats.parse_bytes(content.encode(), "t.json", disambiguate=True).leaves
    assert leaves == ("red (animal/other)", "red (vehicle/other)")


def test_a_node_with_several_parents_and_children_is_not_split() -> None:
    content = "parent,child\nr,a\nr,b\na,c\nb,c\nc,d\n"
    with pytest.raises(TreeError, match="The node 'c' has two parents, 'a' and 'b'"):
        formats.parse_bytes(content.encode(), "t.csv", disambiguate=True)


def test_a_class_with_the_name_of_its_group_is_not_lost() -> None:
    content = "coarse,fine\nfood,food\nfood,cake\n"
    with pytest.raises(DuplicateNamesError, match=r"'food \(food\)'"):
        formats.parse_bytes(content.encode(), "t.csv")
    assert formats.parse_bytes(content.encode(), "t.csv", disambiguate=True).leaves == ("cake", "food (food)")


# Others


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.json", '{"directed": false, "nodes": [{"id": 0}, {"id": 1}], "links": []}', "The graph is undirected"),
        ("t.json", '{"nodes": [{"id": 0}], "links": [{"source": 0, "target": 9}]}', "contains an id that no node has"),
        ("t.json", '{"nodes": [{"id": 0}, {"id": 0}], "links": []}', "The id '0' is used twice"),
        ("t.json", '{"nodes": [{"id": 0}], "links": [{"a": 0}]}', 'Expected links with "source" and "target"'),
        ("t.json", '{"cat": "animal", "dog": 3.5}', "Expected an object or a list below 'cat'"),
        ("t.json", '{"a": [[1, [2]], "b"]}', "Expected the names below 'a'"),
        ("t.json", '[{"supercategory": "a", "name": null}]', "Expected a category"),
        ("t.csv", "r,Möhre\n".encode("latin-1"), "byte 3 is not UTF-8"),
        ("t.csv", "name;parent\nx;nowhere\n;x\n", "A node has an empty name, in line 3"),
    ],
)  # fmt: skip
def test_what_is_no_tree_is_told_in_one_sentence(name: str, content: str | bytes, said: str) -> None:
    with pytest.raises(TreeError) as refused:
        formats.parse_bytes(content if isinstance(content, bytes) else content.encode(), name)
    assert said in str(refused.value)
    assert str(refused.value).count("\n") == 0
