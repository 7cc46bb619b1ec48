"""Predictions of a scikit-learn classifier, imported from every format, compared with the app's own runs."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

import hierapp
from hierapp.analysis import cell_images, comparison, groups, paired_runs, reevaluation, summary
from hierapp.cli import main as cli
from hierapp.data import registry as datasets
from hierapp.errors import AmbiguousPredictionsError, DatasetError, DataWarning, PredictionsError, StoreError
from hierapp.export import bundle, report, reproduce_script, run_files, tensorboard
from hierapp.lab import run_images
from hierapp.runs import Store, backup, check, trash
from hierapp.runs.predictions import Request, Source, import_files, items_of
from hierapp.runs.predictions.importing import named_like
from hierapp.training import predictions
from hierapp.training.predict import predict
from hierapp.trees import LabelTree, library as tree_library
from tests import imported
from tests.finished_runs import add_finished
from tests.imported import ANIMALS, three

DIGITS = tree_library.load("digits")


@pytest.fixture(scope="module")
def classifier() -> LogisticRegression:
    images, labels = datasets.arrays("digits", "train")
    return LogisticRegression(max_iter=30, tol=0.1).fit(images.reshape(len(images), -1) / 16, labels)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return datasets.arrays("digits", "test")[1]


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    images = datasets.arrays("digits", "test")[0]
    return images.reshape(len(images), -1) / 16


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("hierapp.execution.scheduler.ensure_scheduler", lambda store: None)
    return Store()


def npz(**arrays: object) -> io.BytesIO:
    return io.BytesIO(imported.npz(**arrays))


def bring(store: Store, file: io.BytesIO, shown: str = "model.npz", tree: LabelTree = ANIMALS, **more: object) -> str:
    (run,) = import_files(store, Request([Source(shown, file)], tree, "animals", **more))
    return run


def test_rows_with_coarse_labels_count_in_their_accuracy_only(store, capsys):
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    labels, texts = np.array(["cat", "pet", "cow", "dog", "pet"]), np.array(list("abcde"))
    file = npz(probabilities=p, labels=labels, classes=np.array(["cat", "dog", "cow"]), texts=texts)
    run = store.run(bring(store, file))
    assert run.test["samples"] == 3
    assert (run.test["coarse_samples"], run.test["coarse_accuracy"]) == (2, 0.5)
    assert run.test["accuracy"] == 1
    outputs = predictions.stored(run.folder)
    assert [outputs.classes[place] for place in outputs.target] == ["cat", "cow", "dog"]
    assert list(items_of(run.folder).texts) == ["a", "c", "d"]
    assert "2 rows have coarse labels" in run.note
    other = npz(probabilities=p, labels=np.array(["cat", "pet", "cow", "pet", "dog"]), classes=["cat", "dog", "cow"])
    with pytest.raises(PredictionsError, match="have different true labels"):
        import_files(store, Request([Source("one.npz", file), Source("other.npz", other)], ANIMALS, "animals"))


def test_npz_csv_parquet_and_npy_of_one_classifier_are_the_same_run(store, classifier, truth, pixels, tmp_path, capsys):
    p, order = classifier.predict_proba(pixels), np.random.default_rng(0).permutation(10)
    np.savez(tmp_path / "forest.npz", probabilities=p, labels=truth, classes=classifier.classes_)
    table = pd.DataFrame(p[:, order], columns=[f"p_{digit}" for digit in order]).assign(label=truth)
    table.to_csv(tmp_path / "forest.csv")  # with pandas' index
    table.to_parquet(tmp_path / "forest.parquet")
    np.save(tmp_path / "forest.npy", np.log(p)[:, order].astype(np.float32))
    (tmp_path / "labels.txt").write_text("\n".join(map(str, truth)))
    (tmp_path / "classes.txt").write_text("\n".join(map(str, order)))
    for suffix in ("npz", "csv", "parquet", "npy"):
        more = ["--labels", "labels.txt", "--classes", "classes.txt"] if suffix == "npy" else []
        more = [str(tmp_path / word) if word.endswith(".txt") else word for word in more]
        words = ["predictions", "import", str(tmp_path / f"forest.{suffix}"), "--tree", "digits", "--name", suffix]
        assert cli.main([*words, *more]) == 0
    assert capsys.readouterr().out.count("359 rows of digits, accuracy") == 4
    runs = store.runs()
    for run in runs:
        assert (run.state, run.config.data, run.content) == ("finished", "digits", datasets.content_hashes("digits"))
        assert run.test["accuracy"] == (p.argmax(1) == truth).mean()
        assert run.test["log_loss"] == pytest.approx(log_loss(truth, p), rel=1e-5)
        assert store.confusion(run.id, "test").sum() == 359
        stored = predictions.stored(run.folder)
        assert stored.classes == DIGITS.leaves
        np.testing.assert_allclose(stored.probabilities, p[:, list(map(int, DIGITS.leaves))], atol=1e-3)


def test_imported_predictions_are_compared_with_the_apps_own_runs(store, classifier, truth, pixels, capsys):
    for seed in (0, 1):
        add_finished(store, seed=seed)
    for seed in (0, 1):
        p = classifier.predict_proba(pixels + np.random.default_rng(seed).normal(0, 0.1, pixels.shape))
        file = npz(probabilities=p, labels=truth, classes=classifier.classes_)
        (run,) = import_files(store, Request([Source(f"{seed}.npz", file)], DIGITS, "digits", "scikit-learn"))
        assert store.run(run).config.seed == seed
    found = groups.groups(store.runs())
    assert [(group.label, len(group.runs)) for group in found] == [
        ("cross-entropy", 2),
        ("scikit-learn (imported)", 2),
    ]
    assert comparison.comparable(found) == found
    assert groups.remark(*found) is None
    assert cli.main(["compare", "1-4"]) == 0
    assert "scikit-learn (imported)" in capsys.readouterr().out
    assert paired_runs.compare_images(store.run("1"), store.run("3")).mcnemar.images == 359
    outputs = predictions.stored(store.run("3").folder)
    assert reevaluation.reevaluate(outputs, DIGITS, "min-risk")["samples"] == 359
    assert cell_images.sheet(outputs, [0, 1], content=store.run("3").content).startswith(b"\x89PNG")
    assert len(run_images.pictures(store.run("3"), [0])) == 1  # of the lab


def test_several_files_are_seeds_of_one_group(store):
    sources = [Source(f"net-seed{seed}.npz", npz(**three(seed))) for seed in range(3)]
    ids = import_files(store, Request(sources, ANIMALS, "animals"))
    more = bring(store, npz(**three(7)), name="net")
    runs = store.runs([*ids, more])
    assert [(run.config.model, run.config.seed) for run in runs] == [("net", 0), ("net", 1), ("net", 2), ("net", 3)]
    (group,) = groups.groups(runs)
    assert group.label == "net (imported)"
    assert summary.over_seeds(summary.table(runs))["n"].tolist() == [4]


def test_a_seed_in_the_trash_is_not_used_again(store):
    trash.delete(store, [bring(store, npz(**three(0)))])
    assert store.run(bring(store, npz(**three(1)))).config.seed == 1


def test_the_same_predictions_are_not_two_seeds(store):
    run = bring(store, npz(**three()))
    with pytest.raises(PredictionsError, match=rf"already run {run};"):
        bring(store, npz(**three()))
    sources = [Source(f"b{number}.npz", npz(**three())) for number in (1, 2)]
    with pytest.raises(PredictionsError, match=r"b2.npz are already in b1.npz"):
        import_files(store, Request(sources, ANIMALS, "animals"))
    assert len(store.runs()) == 1


def test_one_wrong_file_of_several_stores_none(store):
    broken = npz(**{**three(1), "labels": np.full(30, 9)})
    with pytest.raises(PredictionsError):
        import_files(store, Request([Source("a.npz", npz(**three())), Source("b.npz", broken)], ANIMALS, "animals"))
    other = npz(**{**three(1), "labels": (np.arange(30) + 1) % 3})
    with pytest.raises(PredictionsError, match="have different true labels"):
        import_files(store, Request([Source("a.npz", npz(**three())), Source("b.npz", other)], ANIMALS, "animals"))
    assert store.runs() == []
    assert list((store.folder / "runs").glob("*")) == []


def test_rows_of_an_unknown_set_compare_with_each_other_only(store):
    first, second = bring(store, npz(**three(0)), "a.npz"), bring(store, npz(**three(1)), "b.npz")
    other = bring(store, npz(**three(0, rows=33)), "c.npz")
    assert store.run(first).config.data == "imported-animals"
    assert paired_runs.compare_images(store.run(first), store.run(second)).mcnemar.images == 30
    assert len(comparison.fields(store.runs())) == 2
    assert cli.main(["compare", first, other]) == 2


def test_texts_and_images_are_kept_with_the_run(store, tmp_path):
    from PIL import Image

    for number in range(3):
        Image.new("RGB", (80, 60), (0, 80 * number, 0)).save(tmp_path / f"{number}.png")
    paths = np.array([f"{number % 4}.png" for number in range(30)])  # 3.png does not exist
    with pytest.warns(DataWarning, match="7 of 30 images cannot be read"):
        (run,) = import_files(
            store, Request([Source("a.npz", npz(**three(0), paths=paths), tmp_path)], ANIMALS, "animals")
        )
    items = items_of(store.run(run).folder)
    assert items.texts == tuple(paths)
    assert items.picture(2).shape == (64, 64, 3)
    assert abs(int(items.picture(2)[32, 32, 1]) - 160) < 10
    assert (items.picture(3) == 128).all()
    uploaded = bring(store, npz(**three(1), paths=paths))  # without a folder nothing of this machine is read
    assert not items_of(store.run(uploaded).folder).has_pictures
    with_texts = bring(store, npz(**three(2), texts=np.array([f"text {n}" for n in range(30)])))
    assert items_of(store.run(with_texts).folder).texts[29] == "text 29"
    assert items_of(tmp_path) is None
    found = predictions.stored(store.run(with_texts).folder)
    rows = list(csv.DictReader(io.StringIO(run_files.predictions(found, items_of(store.run(with_texts).folder)))))
    assert (rows[29]["index"], rows[29]["text"]) == ("29", "text 29")


def test_images_in_the_lab_come_from_the_run(store, tmp_path):
    from PIL import Image

    Image.new("RGB", (10, 10), "red").save(tmp_path / "a.png")
    file = npz(**three(), paths=np.full(30, "a.png"))
    (run,) = import_files(store, Request([Source("a.npz", file, tmp_path)], ANIMALS, "animals"))
    assert run_images.pictures(store.run(run), [4])[0].shape == (64, 64, 3)
    plain = bring(store, npz(**three(1)))
    with pytest.raises(StoreError, match="no images"):
        run_images.pictures(store.run(plain), [0])


def test_weights_are_refused_with_a_sentence(store):
    run = store.run(bring(store, npz(**three())))
    with pytest.raises(StoreError, match="no weights"):
        predict(run.folder, run.config, run.tree, np.zeros((1, 8, 8, 1), np.uint8))
    assert cli.main(["resume", run.id]) == 2
    assert cli.main(["cancel", run.id]) == 0
    assert store.run(run.id).state == "finished"


@pytest.mark.slow
def test_export_report_and_event_files_contain_imported_runs(store, tmp_path):
    ids = [bring(store, npz(**three(seed))) for seed in (0, 1)] + [add_finished(store)]
    bundle.write(store, ids, tmp_path / "bundle.zip")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        archive.extractall(tmp_path / "out")
    config = json.loads((tmp_path / "out/runs/1/config.json").read_text())
    assert (config["model"], config["learning_rate"]) == ("model", None)
    assert (tmp_path / "out/runs/1/outputs.safetensors").is_file()
    assert b"model (imported)" in report.render(store, store.runs(ids))
    if tensorboard.is_installed():
        assert tensorboard.as_bytes(store, ids[:1])


def test_the_script_of_a_bundle_trains_no_imported_run(store, tmp_path, capsys):
    ids = [bring(store, npz(**three()))]
    bundle.write(store, ids, tmp_path / "bundle.zip")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        archive.extractall(tmp_path / "out")
    assert reproduce_script.main([], tmp_path / "out") == reproduce_script.NOT_TRIED
    assert "run 1 is predictions that were made elsewhere" in capsys.readouterr().out


def test_a_backup_without_weights_contains_the_outputs(store, tmp_path):
    run = bring(store, npz(**three()))
    backup.backup(tmp_path / "small.zip", weights=False)
    backup.restore(tmp_path / "small.zip", tmp_path / "other")
    assert predictions.has(Store(tmp_path / "other").run(run).folder)
    assert check.check(tmp_path / "other").is_sound


def test_the_check_of_the_store_misses_lost_outputs(store):
    run = store.run(bring(store, npz(**three())))
    assert check.check(store.folder).is_sound
    (run.folder / predictions.FILE).unlink()
    assert check.check(store.folder).problems == (f"Run {run.id}, imported predictions, has no outputs.",)


def test_load_runs_has_no_fields_of_training_for_imported_runs(store):
    bring(store, npz(**three()))
    add_finished(store)
    frame = hierapp.load_runs()
    assert frame["model"].tolist() == ["model", "lenet"]
    assert frame["learning_rate"].isna().tolist() == [True, False]
    assert frame["accuracy"].notna().all()


def test_a_folder_left_by_a_killed_import_is_set_aside(store):
    left = store.folder / "runs" / "1"
    left.mkdir(parents=True)
    (left / "note.txt").write_text("mine")
    run = store.run(bring(store, npz(**three())))
    assert not (run.folder / "note.txt").exists()
    assert (run.folder.with_name("1.broken") / "note.txt").read_text() == "mine"


def test_the_data_set_may_be_named(store, classifier, truth, pixels):
    p = classifier.predict_proba(pixels)
    file = npz(probabilities=p, labels=truth, classes=classifier.classes_)
    assert store.run(bring(store, file, tree=DIGITS, data="digits")).config.data == "digits"
    turned = npz(probabilities=p[::-1], labels=truth[::-1], classes=classifier.classes_)
    with pytest.raises(PredictionsError, match="not those of the test part of 'digits'"):
        bring(store, turned, tree=DIGITS, data="digits")
    turned.seek(0)
    assert store.run(bring(store, turned, tree=DIGITS)).config.data == "imported-animals"
    with pytest.raises(DatasetError, match="not on this machine"):
        bring(store, npz(**three()), data="cifar10")
    assert store.run(bring(store, npz(**three(3)), data="my pets")).config.data == "my pets"
    with pytest.raises(PredictionsError, match="cannot be the name of a data set"):
        bring(store, npz(**three(4)), data="../pets")


def test_what_the_values_are_is_asked_when_it_cannot_be_told(store):
    scores = np.random.default_rng(0).random((30, 3))
    with pytest.raises(AmbiguousPredictionsError, match=r"probabilities or logits \(--kind") as caught:
        bring(store, npz(scores=scores, labels=three()["labels"], classes=three()["classes"]))
    assert caught.value.kinds == ("probabilities", "logits")
    file = npz(scores=scores, labels=three()["labels"], classes=three()["classes"])
    stored = predictions.stored(store.run(bring(store, file, kind="logits")).folder)
    expected = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(stored.probabilities, expected[:, [2, 1, 0]], atol=1e-3)


def test_name_of_files_is_what_they_have_in_common():
    assert named_like(["run_1.csv", "run_2.csv"]) == "predictions"
    assert named_like(["resnet50-run-1.csv", "resnet50-run-2.csv"]) == "resnet50"
    assert named_like(["a.csv", "b.csv"]) == "predictions"
