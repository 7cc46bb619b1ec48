"""A home in which everything that a person can write is hostile, and what of it a page would show as more than text."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import Message
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest

from hierapp.data.imports import job as import_job, store as import_store
from hierapp.data.imports.options import Options
from hierapp.data.imports.report import Copies, Report
from hierapp.data.imports.store import Description
from hierapp.lab import saved_views, views
from hierapp.runs import Store, trash
from hierapp.runs.notes import put as put_note
from hierapp.runs.predictions import Request, Source, import_files
from hierapp.runs.predictions.importing import LONGEST_NAME
from hierapp.search import journal, sampler
from hierapp.similarities import Similarity, library as similarity_library
from hierapp.similarities.similarity import ordinal
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, library as tree_library
from hierapp.trees.drafts import Draft
from tests.finished_runs import add_finished
from tests.search.conftest import a_plan

HOST = "evil.example"
TEXT = (
    f"![x](http://{HOST}/a.png) [Sign in](http://{HOST}) <a href='http://{HOST}'>b</a> http://{HOST}/c www.{HOST}"
    " :material/lock: **d** `e`"
)
NAME = "hostile"  # of what may have no other than a plain name
CLASSES = tuple(f"{number} {TEXT}" for number in range(4))
MODEL = f"www.{HOST}:build"


def fill(store: Store, data_folder: Path) -> dict[str, str]:
    """Fill a home and a data folder; return the ids that addresses name: run, failed, draft, import, view."""
    groups = (f"left {TEXT}", f"right {TEXT}")
    below = [(groups[place // 2], name) for place, name in enumerate(CLASSES)]
    tree = LabelTree.from_edges([*((TEXT, group) for group in groups), *below])
    _data(data_folder, tree)
    tree_library.keep(tree, NAME, title=TEXT, description=TEXT, data=NAME, owner=TEXT)
    tree_library.save(LabelTree.from_edges(below[:2]), NAME, title=f"{TEXT} 2", data=NAME)  # the first is a version now
    tree_library.save(tree, NAME, title=TEXT, description=TEXT, data=NAME, owner=TEXT)
    similarity_library.keep(Similarity(CLASSES, ordinal(4, 0.5)), NAME, TEXT, TEXT, NAME, TEXT)
    finished = [
        add_finished(store, loss, seed, data=NAME, tree=NAME, model=MODEL)
        for loss in ("cross-entropy", "hierarchical")
        for seed in (0, 1)
    ]
    trash.delete(store, [add_finished(store, "hxe", 0, data=NAME, tree=NAME, model=MODEL)])
    for run in finished:
        put_note(store, run, TEXT)
    failed, queued, interrupted = store.add(
        [RunConfig.make(data=NAME, tree=f"folder/{TEXT}.json", loss=loss, model=MODEL) for loss in
         ("cross-entropy", "hierarchical", "simloss")], tree, owner=TEXT)  # fmt: skip
    with store.database.write() as db:
        db.execute("UPDATE runs SET state = 'failed', error = ?, note = ? WHERE id = ?", (TEXT, TEXT, int(failed)))
        db.execute("UPDATE runs SET state = 'interrupted', note = ? WHERE id = ?", (TEXT, int(interrupted)))
    table = io.BytesIO()
    probabilities = np.eye(4)[np.arange(12) % 4] * 0.6 + 0.1
    texts, labels = np.full(12, TEXT), np.arange(12) // 3
    np.savez(table, probabilities=probabilities, labels=labels, classes=np.array(CLASSES), texts=texts)
    sources = [Source(f"{TEXT}.npz".replace("/", "-"), io.BytesIO(table.getvalue()))]
    request = Request(sources, tree, NAME, TEXT[:LONGEST_NAME], owner=TEXT)
    (imported,) = import_files(store, request)
    search = journal.begin(store, a_plan(owner=TEXT, values={"data": NAME, "tree": NAME, "model": MODEL}))
    sampler.add(search.plan, search.study(), {"learning_rate": 0.1})
    search.note(0, refused=TEXT)
    search.note_error(TEXT)
    draft = Draft.begin(tree, TEXT, NAME)
    view = saved_views.keep(views.start().on_tree(tree, NAME), TEXT, TEXT)
    (saved_views.folder() / "broken [a](www.evil.example).json").write_text("{")
    token = import_job.begin(import_job.Request(TEXT, Options(), None, TEXT), b"no archive", data_folder)
    job = import_job.job_folder(token, import_job.root_of(data_folder))
    import_job.work_of(job).tell(0, 1, import_job.FAILED, TEXT)
    return {
        "run": finished[0], "other": finished[2], "failed": failed, "queued": queued, "interrupted": interrupted,
        "imported": imported, "draft": draft.id, "import": token, "view": view.name,
    }  # fmt: skip


def _data(root: Path, tree: LabelTree) -> None:
    """An own data set whose classes, title, source and report are hostile."""
    folder = import_store.own_folder(root) / NAME
    folder.mkdir(parents=True)
    sizes = {}
    for part, count in (("train", 40), ("test", 20)):
        images = np.random.default_rng(0).integers(0, 255, (count, 8, 8, 3), np.uint8)
        for file, array in (
            (import_store.inputs_file(part, "images"), images),
            (import_store.labels_file(part), np.arange(count, dtype=np.int64) % 4),
        ):
            np.save(folder / file, array)
            sizes[file] = (folder / file).stat().st_size
    tree.save(folder / import_store.TREE)
    Description(TEXT, CLASSES, (8, 8, 3), 40, 20, TEXT, NAME, sizes, owner=TEXT).write(folder)
    report = Report(
        TEXT, TEXT, 8, classes=list(CLASSES), train=[10] * 4, test=[5] * 4, empty=[TEXT], left_out=1,
        broken=[(TEXT, TEXT)], broken_count=1, passed_over=[TEXT], passed_over_count=1, sizes={TEXT: 1},
        modes={TEXT: 1}, within=Copies(1, [[TEXT, TEXT]]),
    )  # fmt: skip
    (folder / import_store.REPORT).write_text(json.dumps(report.as_dict()), encoding="utf-8")


def unescaped(app: AppTest) -> list[str]:
    """Return what of the page's texts Streamlit or Plotly would show as a link, a picture or an icon."""
    found = []
    for kind, message in _messages(app):
        for path, text in _strings(message):
            field = f"{kind}.{path}"
            if HOST not in text or field in VERBATIM:
                continue
            if getattr(message, "component_name", None) == "hierapp.plot" and path == "json":
                figure = json.loads(json.loads(text)["figure"])
                bad = [part for part in _leaves(figure) if "<a " in part]
            elif kind.startswith("bidi_component"):
                bad = []  # its script sets textContent; see test_components_write_texts_as_text
            else:
                bad = _live(text)
            found += [f"{field}: {part}" for part in bad]
    return found


# What Streamlit shows as it is, by the kind of element and the field.
VERBATIM = {
    "selectbox.options",
    "selectbox.raw_value",
    "multiselect.options",
    "multiselect.raw_values",
    "multiselect.default",
    "text_input.default",
    "text_input.value",
    "text_area.default",
    "text_area.value",
    "text.body",
    "code.code_text",
    "json.body",
    "image.imgs.alt",
    "arrow_data_frame.alt",
    "download_button.url",
    "page_link.query_string",
}
_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# Streamlit replaces these in all but code; the icon is the one of TEXT.
_REPLACED = re.compile(r"(?i)https?://|www\.|:material/lock:")


def _live(text: str) -> list[str]:
    tokens = [each for token in _PARSER.parse(text) for each in (token, *(token.children or ()))]
    links = [str(token.attrs) for token in tokens if token.type in ("link_open", "image")]
    in_words = ("text", "html_inline", "html_block")
    return links + [token.content for token in tokens if token.type in in_words and _REPLACED.search(token.content)]


def _messages(app: AppTest) -> Iterator[tuple[str, Message]]:
    for node in app._tree:
        proto = getattr(node, "proto", None)
        if isinstance(proto, Message):
            yield node.type, proto


def _strings(message: Message, path: str = "") -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        name = f"{path}.{field.name}" if path else field.name
        if field.name in ("id", "form_id"):
            continue
        is_map = field.type == field.TYPE_MESSAGE and field.message_type.GetOptions().map_entry
        values = value.values() if is_map else value if isinstance(value, list) or hasattr(value, "append") else [value]
        for each in values:
            if isinstance(each, Message):
                yield from _strings(each, name)
            elif isinstance(each, str):
                yield name, each


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, str):
        yield value
