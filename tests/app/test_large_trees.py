"""Pages that show a tree, with trees far larger than a picture: what is sent, and how much memory it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.random_trees import random_tree
from hierapp import LabelTree
from hierapp.trees import generators, library as tree_library
from hierapp.trees.drafts import Draft
from tests.app.conftest import texts

TREES = {
    "random": lambda: random_tree(112, 8, 1.97, 10_000, 10),
    "wide": lambda: generators.flat([f"class {i}" for i in range(10_000)]),
    "deep": lambda: LabelTree(
        [f"n{i}" for i in range(190)] + [f"l{i}" for i in range(190)], [-1, *range(189), *range(190)]
    ),
}


@pytest.fixture
def sent(monkeypatch):
    """Bytes that the pages have sent, by message."""
    from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

    sizes, enqueue = [], ForwardMsgQueue.enqueue

    def counted(queue, message):
        sizes.append(message.ByteSize())
        return enqueue(queue, message)

    monkeypatch.setattr(ForwardMsgQueue, "enqueue", counted)
    return sizes


@pytest.mark.slow
@pytest.mark.parametrize("shape", TREES)
def test_pages_send_what_can_be_seen(shape, open_page, sent):
    tree = TREES[shape]()
    tree_library.keep(tree, "big", data="digits")
    draft = Draft.begin(tree, "big", "digits")
    for name, query in (
        ("trees", {"tree": "big"}),
        ("studio", {"draft": draft.id}),
        ("lab", {"tree": "big"}),
        ("train", {"data": "digits", "label-tree": "big", "loss": ["cross-entropy", "hierarchical"]}),
        ("search", {"data": "digits", "label-tree": "big"}),
    ):
        del sent[:]
        page = open_page(name, **query)
        assert not page.exception, name
        # The editor and the lab's list of classes hold every name; nothing holds every pair of names.
        assert sum(sent) < 330_000 + 120 * len(tree.nodes), name


@pytest.mark.slow
def test_the_branches_of_a_large_tree_can_be_reached(open_page):
    tree = generators.balanced([f"class {i}" for i in range(2_048)])
    tree_library.keep(tree, "big")
    page = open_page("trees", tree="big")
    assert "nodes are drawn" in texts(page)
    for _ in range(6):
        choice = next(box for box in page.selectbox if box.key == "branch")
        page = choice.set_value(choice.options[-1]).run()
        assert not page.exception
        if "nodes are drawn" not in texts(page):
            break
    assert "nodes are drawn" not in texts(page)
    assert choice.value in page.query_params["branch"]
    page = choice.set_value(tree.nodes[0]).run()
    assert "nodes are drawn" in texts(page)


def test_the_similarity_of_a_large_tree_is_not_computed(open_page):
    tree_library.keep(generators.flat([f"class {i}" for i in range(2_001)]), "big", data="digits")
    page = open_page("similarities", data="digits", source="tree", **{"of-tree": "big", "label-tree": "big"})
    assert not page.exception
    assert "Available for up to 2,000 classes, but there are 2,001." in texts(page)
    assert not page.metric


def test_the_lab_tells_that_a_tree_is_too_large(open_page):
    tree_library.keep(TREES["wide"](), "big")
    page = open_page("lab", tree="big")
    assert any("up to 2,000 nodes and this one has 10,001" in warning.value for warning in page.warning)


MEMORY = """
import os, resource, sys
from streamlit.testing.v1 import AppTest
import torch

def looked(name, **query):
    app = AppTest.from_file("app.py", default_timeout=240)
    for key, value in query.items():
        app.query_params[key] = value
    app.run().switch_page(f"pages/{name}/page.py").run()
    assert not app.exception

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

sys.argv, names = ["-"], sys.argv[1:]
for name in names:
    looked(name, tree="digits")
before = peak()
for name in names:
    looked(name, tree="big")
print(peak() / before)
"""


@pytest.mark.slow
def test_a_large_tree_takes_little_more_memory_than_a_small_one(home):
    tree_library.keep(TREES["random"](), "big")
    folder = Path(__file__).resolve().parents[2]
    script = home / "look.py"
    script.write_text(MEMORY.replace('"app.py"', repr(str(folder / "app.py"))))
    done = subprocess.run(
        [sys.executable, str(script), "trees", "lab"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout.split()[-1]) < 1.5  # 10,000 x 10,000 distances are more than all the rest together
