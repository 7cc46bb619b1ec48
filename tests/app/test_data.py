"""The Data page, without a browser."""

from __future__ import annotations

import pytest

from hierapp.data import download, registry as datasets
from hierapp.data.imports import finalize, job as import_job
from hierapp.data.imports.job import Request
from hierapp.data.imports.options import Options
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import processes
from tests.app.conftest import texts
from tests.data.imports.conftest import classes, odd_lot, pack, write


@pytest.fixture
def lot(tmp_path, home):
    """The path of an archive with one broken picture."""
    return pack(tmp_path / "lot.zip", odd_lot())


def bring(path, name=None):
    token = import_job.begin(Request(path.name, Options(), str(path)))
    import_job.work(token)
    return finalize.finalize(token, name).name if name else token


def press(page, label):
    (button,) = [each for each in page.button if each.label.startswith(label)]
    return button.click().run()


@pytest.mark.slow
def test_the_best_set_is_shown_with_its_pictures_and_counts(open_page):
    page = open_page("data")
    assert not page.exception
    assert page.selectbox(key="set").value == "digits"
    assert {metric.label: metric.value for metric in page.metric}["Training images"] == "1,438"
    assert [tab.label for tab in page.tabs] == ["Images", "Class counts"]
    (sheet,) = page.get("image")
    assert sheet.proto.imgs[0].alt.startswith("Training images of each class: 0, 1")


@pytest.mark.slow
@pytest.mark.parametrize("name", datasets.DATASETS)
def test_every_set_is_shown_by_its_address(name, open_page):
    page = open_page("data", set=name)
    assert not page.exception
    assert page.selectbox(key="set").value == name
    assert bool([button for button in page.button if button.label.startswith("Download ")]) == (
        name not in ("digits", "20newsgroups")
    )


@pytest.mark.slow
def test_a_mangled_address_shows_the_default(open_page):
    page = open_page("data", set="no-such", **{"import": "../../x"})
    assert page.selectbox(key="set").value == "digits"
    assert "finished or discarded" in texts(page)
    assert "import" not in page.query_params


def test_a_set_is_got(open_page, monkeypatch):
    begun = []
    monkeypatch.setattr(download, "start", begun.append)
    page = open_page("data", set="cifar100-coarse")
    page.button(key="get-cifar100-coarse-data").click().run()
    assert begun == ["cifar100-coarse"]


@pytest.mark.slow
def test_a_folder_is_checked_shown_and_kept(open_page, tmp_path, home):
    folder = write(tmp_path / "my flowers", {**classes(12), "lost/.keep": b""})
    page = open_page("data")
    page.text_input(key="import-path").set_value(str(folder)).run()
    page = press(page, "Check the folder")
    token = page.query_params["import"]
    token = token if isinstance(token, str) else token[0]
    processes.spawn.die()
    import_job.work(token)  # what the process does that tests do not start
    page = page.run()
    assert "without a training image: 'lost'; left out" in texts(page).replace("\\", "")
    assert "36 images by class folders" in texts(page)
    assert list(datasets.catalogue()) == list(datasets.DATASETS)
    assert page.text_input(key="import-name").value == "my-flowers"
    page = press(page, "Save this data set")
    assert not page.exception
    assert not page.error
    assert page.selectbox(key="set").value == "my-flowers"
    assert "import" not in page.query_params
    assert [tab.label for tab in page.tabs] == ["Images", "Class counts", "Check report"]
    train = open_page("train", data="my-flowers")
    assert train.selectbox(key="data").value == "my-flowers"
    assert train.selectbox(key="label-tree").value == "my-flowers"


@pytest.mark.slow
def test_a_name_that_is_taken_is_told_and_the_import_stays(open_page, lot):
    token = bring(lot)
    page = open_page("data", **{"import": token})
    page.text_input(key="import-name").set_value("digits").run()
    page = press(page, "Save this data set")
    assert "A data set 'digits'" in texts(page)
    assert import_job.status(token).state == "ready"


def test_an_import_that_failed_is_told(open_page, tmp_path, home):
    token = import_job.begin(Request("x.zip", Options()), b"nothing")
    with pytest.raises(Exception, match="neither a zip nor a tar"):
        import_job.work(token)
    page = open_page("data", **{"import": token})
    assert "The archive x.zip is neither a zip nor a tar" in texts(page)
    page = press(page, "Start another import")
    with pytest.raises(Exception, match="discarded"):
        import_job.status(token)
    assert "import" not in page.query_params


@pytest.mark.slow
def test_an_import_is_discarded(open_page, lot):
    token = bring(lot)
    page = press(open_page("data", **{"import": token}), "Discard")
    assert not page.exception
    with pytest.raises(Exception, match="discarded"):
        import_job.status(token)


@pytest.mark.slow
def test_an_own_set_is_deleted_and_not_while_a_run_waits_for_it(open_page, lot, store):
    bring(lot, "lot")
    page = open_page("data", set="lot")
    assert "1 file cannot be used" in texts(page)
    run = store.add([RunConfig.make(data="lot", tree="lot", loss="simloss")], tree_library.load("lot"))[0]
    page = page.run()
    assert f"Run {run} uses lot" in texts(page).replace("\\", "")
    assert [button.disabled for button in page.button if button.label == "Delete it"] == [True]
    store.request_cancel(run)
    page = press(page.run(), "Delete it")
    assert not page.exception
    assert page.selectbox(key="set").value == "digits"
    assert "lot" not in datasets.catalogue()
    for name in ("runs", "trees", "train", "studio", "start"):
        assert not open_page(name).exception, "with a run whose data set is gone"


@pytest.mark.slow
def test_a_tree_of_a_set_that_is_gone_is_shown_and_drawn(open_page, lot, store):
    bring(lot, "lot")
    tree_library.keep(tree_library.load("lot"), "mine", data="gone")
    page = open_page("trees", tree="mine")
    assert not page.exception
    assert "the classes of gone" in texts(page)
    page = press(page, "Edit in the studio")
    assert not page.exception
    assert not page.error
