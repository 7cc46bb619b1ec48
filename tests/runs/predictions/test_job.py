"""Imports of uploaded predictions: in this process and in one of its own, and what is left when it dies."""

import io
import os
import stat
import time

import pytest

from hierapp.errors import AmbiguousPredictionsError, PredictionsError
from hierapp.runs import Store
from hierapp.runs.predictions import Request, Source, job
from hierapp.utils import processes
from tests.imported import ANIMALS, npz, three
from tests.never_started import NeverStarted


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    return Store(tmp_path / "home")


def request(seed: int = 0, **values: object) -> Request:
    arrays = {**three(seed), **{name: values.pop(name) for name in ("scores",) if name in values}}
    if "scores" in arrays:
        del arrays["probabilities"]
    return Request([Source("model.npz", io.BytesIO(npz(**arrays)))], ANIMALS, "animals", **values)


def ended(store, token):
    until = time.monotonic() + 240
    while job.status(store, token).state == "running" and time.monotonic() < until:
        time.sleep(0.05)
    return job.status(store, token)


@pytest.mark.slow
def test_a_process_of_its_own_stores_the_runs(store):
    token = job.begin(store, request(owner="ada@x.edu", name="forest", tags=("first",)))
    job.start(store, token)
    found = ended(store, token)
    assert (found.state, found.runs, found.owner) == ("finished", ("1",), "ada@x.edu")
    (run,) = store.runs()
    assert (run.config.model, run.owner, run.tags) == ("forest", "ada@x.edu", ("first",))
    folder = store.folder / job.FOLDER / token
    assert not list(folder.glob("sources-*")), "the upload is gone"
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_files_of_labels_and_classes_come_along(store):
    arrays = three()
    labels = Source("y.txt", io.BytesIO("\n".join(map(str, arrays["labels"])).encode()))
    classes = Source("c.txt", io.BytesIO(b"cow\ndog\ncat"))
    file = Source("p.npz", io.BytesIO(npz(probabilities=arrays["probabilities"])))
    token = job.begin(store, Request([file], ANIMALS, "animals", labels=labels, classes=classes))
    assert job.work(store, token) == ["1"]
    assert job.status(store, token).state == "finished"


def test_what_is_wrong_is_kept_as_a_sentence(store):
    token = job.begin(store, request(scores=2 * three()["probabilities"]))
    with pytest.raises(AmbiguousPredictionsError):
        job.work(store, token)
    found = job.status(store, token)
    assert (found.state, found.is_ambiguous, store.runs()) == ("failed", True, [])
    assert found.error.endswith(".")


def test_an_import_that_died_is_told(store, monkeypatch):
    never = NeverStarted()
    monkeypatch.setattr(processes, "spawn", never)
    token = job.begin(store, request())
    job.start(store, token)
    assert job.status(store, token).state == "running"
    never.die()
    found = job.status(store, token)
    assert found.state == "failed"
    assert "interrupted" in found.error


def test_what_has_ended_is_removed_after_a_day_and_may_be_discarded(store):
    old, other = job.begin(store, request()), job.begin(store, request(1))
    folder = store.folder / job.FOLDER
    os.utime(folder / old, (0, 0))
    job.clean(store)
    assert [each.name for each in folder.iterdir()] == [other]
    job.discard(store, other)
    job.discard(store, other)
    with pytest.raises(PredictionsError, match="has ended"):
        job.status(store, other)


@pytest.mark.parametrize("token", ["", "..", "../../x", "g" * 16])
def test_a_token_is_no_path(token, store):
    with pytest.raises(PredictionsError):
        job.status(store, token)


def test_too_many_at_once_are_refused(store, monkeypatch):
    monkeypatch.setattr(job, "MOST_JOBS", 1)
    token = job.begin(store, request(owner="ada@x.edu"))
    with pytest.raises(PredictionsError):
        job.begin(store, request(1, owner="ada@x.edu"))
    job.begin(store, request(1, owner="bob@x.edu"))
    job.work(store, token)
    job.begin(store, request(1, owner="ada@x.edu"))
