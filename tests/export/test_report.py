"""The HTML report as text; tests/e2e/test_export.py opens it in a browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from hierapp import LabelTree
from hierapp.analysis import summary
from hierapp.analysis.reevaluation import reevaluate
from hierapp.cli import main as cli
from hierapp.decoding import DECODERS
from hierapp.errors import StoreError
from hierapp.export import report as html_report
from hierapp.metrics import report
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.training.predictions import FILE, stored
from tests.app.conftest import add_run
from tests.finished_runs import add_finished
from tests.store_states import working

HOSTILE = "</script><script>hacked=1</script>"


class Reader(HTMLParser):
    """Tags and texts of a page; what stands in scripts and styles is no text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] not in (["script"], ["style"]):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words)).strip()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    return Store()


def render(store: Store, *ids: str, title: str | None = None) -> Reader:
    return Reader(html_report.render(store, store.runs(ids), title).decode())


def test_a_report_tells_runs_tests_trees_configuration_and_environment(store):
    ids = [add_run(store, loss=loss) for loss in ("hierarchical", "cross-entropy")]
    ids.append(add_run(store, "failed", loss="hxe"))
    page = render(store, *ids)
    assert page.text.startswith("Digits: hierarchical, cross-entropy, hxe")
    assert "3 runs, 2 of them finished, of 2 groups: hierarchical (1 seed); cross-entropy (1 seed)." in page.text
    assert "Run 3 is failed after 2 of 3 epochs: It went wrong for a reason." in page.text
    assert "hierarchical against cross-entropy: With 1 " in page.text
    assert "digits: 14 nodes, 10 leaves, depth 3." in page.text
    for run in store.runs(ids[:2]):
        for name in summary.TEST_METRICS.values():
            assert f"{run.test[name]:.4f}" in page.text
    assert "learning_rate 0.001" in page.text
    # Two curves, one metric of the classes, and a matrix for each of three runs.
    assert page.text.count("Test images; their mean distance") == 2
    assert page.text.count("Validation images after epoch 2; their mean distance") == 1


def test_a_report_tells_how_severe_mistakes_are_and_what_each_decoder_makes_of_the_outputs(store):
    ids = [add_finished(store, loss, seed) for loss in ("cross-entropy", "hxe") for seed in (0, 1)]
    page = render(store, *ids, add_finished(store, "simloss", with_outputs=False))
    assert "Severity of mistakes, tree digits" in page.text
    assert "Mean and sample standard deviation over the seeds." in page.text
    runs, tree = store.runs(ids), store.run(ids[0]).tree
    for rule, spec in DECODERS.items():
        found = [reevaluate(stored(run.folder), tree, rule)["accuracy"] for run in runs if run.config.loss == "hxe"]
        assert f"{rule} hxe 2 {np.mean(found):.4f} ±" in page.text or not spec.leaves_only
        assert f"{rule} simloss" not in page.text
        assert f"{rule} cross-entropy 2 " in page.text
    assert "Metrics of the most likely node of each level" in page.text
    (runs[0].folder / FILE).write_bytes(b"broken")
    assert "Decoders, tree digits" in render(store, *ids).text


def test_plotly_is_in_a_report_once_and_nothing_is_fetched(store):
    text = html_report.render(store, store.runs([add_run(store), add_run(store, loss="hxe")])).decode()
    specs = re.findall(r'<script type="application/json" id="(.*?)">(.*?)</script>', text)
    assert [name for name, _ in specs] == [f"plot-{number + 1}" for number in range(7)]
    assert all(json.loads(spec)["data"] for _, spec in specs)
    assert text.count("plotly.js v") == 1
    assert Reader(text).tags.count("script") == 7 + 2
    assert not {"link", "img", "iframe", "object"} & set(Reader(text).tags)
    assert "default-src 'none'" in text


def test_hostile_names_are_shown_as_they_are_written(store):
    tree = LabelTree.from_edges(
        [(HOSTILE, f"<b>{HOSTILE}"), (HOSTILE, "x<i>"), *((f"<b>{HOSTILE}", f"{HOSTILE}{n}") for n in range(9))]
    )
    config = RunConfig.make(data="digits", tree='<img src=x onerror="hacked=1">', loss="hierarchical")
    (run,) = store.add([config], tree)
    counts = np.ones((10, 10), np.int64)
    attempt = working(store, run)
    attempt.report(1, {"train_loss": 2.0}, 1.0)
    attempt.end_epoch(1, {"val_accuracy": 0.5}, counts)
    attempt.finish(1, report(counts, tree), counts)
    plain = render(store, add_run(store))
    page = render(store, run, title=HOSTILE)
    assert set(page.tags) <= set(plain.tags)
    assert page.tags.count("script") == plain.tags.count("script")
    assert page.text.count(HOSTILE) == 2 + len(tree.nodes) - 1  # title, headline, and all nodes but "x<i>"
    assert '<img src=x onerror="hacked=1">' in page.text


def test_the_command_writes_a_report_and_replaces_nothing(store, tmp_path, capsys):
    run = add_run(store)
    file = tmp_path / "runs.html"
    assert cli.main(["report", run, "-o", str(file), "--title", "Mine"]) == 0
    assert capsys.readouterr().out.startswith(f"{file}: 1 run, ")
    assert Reader(file.read_text()).text.startswith("Mine ")
    before = file.read_bytes()
    assert cli.main(["report", run, "-o", str(file)]) == 2
    assert "already exists" in capsys.readouterr().err
    assert file.read_bytes() == before
    with pytest.raises(StoreError, match="There is no run '9'"):
        html_report.write(store, ["9"], tmp_path / "other.html")
    assert not (tmp_path / "other.html").exists()


@pytest.mark.slow
def test_runs_of_several_data_sets_trees_and_lengths_have_a_report(store):
    ids = [add_run(store), add_run(store, tree="digits-flat"), add_run(store, "queued")]
    (other,) = store.add([RunConfig.make(data="cifar10", tree="cifar10", loss="hxe")], store.run(ids[0]).tree)
    page = render(store, *ids, other)
    assert "The trees" in page.text
    assert "CIFAR-10" in page.text
    alone = render(store, other)
    assert "No validation accuracy is recorded yet." in alone.text
