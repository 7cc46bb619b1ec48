"""The Settings page, without a browser."""

import time

import pytest

from hierapp.execution import scheduler, settings, slots, system_status
from hierapp.utils import devices, nvml, processes
from tests.app.conftest import add_run, texts


@pytest.fixture(autouse=True)
def free_choice(monkeypatch):
    monkeypatch.delenv(settings.VARIABLE, raising=False)


def words_of_bars(page):
    return [bar.proto.text for bar in page.get("progress")]


def test_a_device_has_its_memory_and_load_in_bars(open_page):
    page = open_page("settings")
    assert f"**{devices.processor()}**".replace("(", "\\(").replace(")", "\\)") in texts(page)
    memory, load = words_of_bars(page)[:2]
    assert memory.startswith("Memory: ")
    assert load.startswith("Load: ")


@pytest.mark.slow
def test_a_gpu_that_does_not_answer_has_a_row_that_says_why(open_page, monkeypatch):
    cards = [nvml.Card("NVIDIA GPU 0", problem="GPU is lost"), nvml.Card("NVIDIA H200", 2**30, 2**32, 0.25)]
    monkeypatch.setattr(system_status.nvml, "read", lambda: cards)
    page = open_page("settings")
    assert not page.exception
    assert "GPU is lost" in texts(page)
    assert words_of_bars(page)[:2] == ["Memory: 1.0 GiB of 4.0 GiB", "Load: 25%"]


def test_slots_are_kept_and_what_each_run_gets_follows(open_page, store, monkeypatch):
    monkeypatch.setattr(devices, "cores", lambda: 8)
    monkeypatch.setattr(slots, "cores", lambda: 8)
    page = open_page("settings")
    assert "Each run on the CPU gets 8 threads of the 8 cores." in texts(page)
    page.number_input(key="slots-cpu").set_value(4).run()
    assert slots.slots(store, "cpu") == 4
    assert "Each run on the CPU gets 2 threads of the 8 cores." in texts(page)


def test_each_kind_of_device_has_slots_of_its_own(open_page, store, monkeypatch):
    monkeypatch.setattr(devices, "cards", lambda: ("0",))
    page = open_page("settings")
    page.number_input(key="slots-cuda").set_value(3).run()
    assert (slots.slots(store, "cuda"), slots.slots(store, "cpu")) == (3, 1)


def test_slots_that_the_environment_sets_cannot_be_changed(open_page, monkeypatch):
    monkeypatch.setenv("HIERAPP_SLOTS", "5")
    page = open_page("settings")
    field = page.number_input(key="slots-cpu")
    assert (field.disabled, field.value) == (True, 5)
    assert "HIERAPP_SLOTS sets the number." in texts(page)


def test_an_environment_that_is_no_number_is_told_and_the_rest_of_the_page_stands(open_page, monkeypatch):
    monkeypatch.setenv("HIERAPP_SLOTS", "many")
    page = open_page("settings")
    assert not page.exception
    assert [error.value for error in page.error] == [
        "Expected the number of runs at once to be from 1 to 64 but got 'many'."
    ]
    assert {"Slots", "Scheduler", "Storage", "Versions", "Logs"} <= {header.value for header in page.header}


def test_runs_can_go_to_a_cluster_and_back_and_the_address_is_remembered(open_page, store):
    page = open_page("settings")
    assert page.segmented_control(key="launcher").value == "local"
    page.segmented_control(key="launcher").set_value("ray").run()
    assert settings.chosen(store) == "ray"
    page.text_input(key="ray-address").set_value("head:10001").run()
    assert settings.chosen(store) == "ray://head:10001"
    assert page.text_input(key="ray-address").value == "ray://head:10001"
    page.segmented_control(key="launcher").set_value("local").run()
    assert settings.chosen(store) == "local"
    page.segmented_control(key="launcher").set_value("ray").run()
    assert settings.chosen(store) == "ray://head:10001"
    assert not page.exception


def test_an_address_that_is_none_is_told_and_stays_to_be_mended(open_page, store):
    settings.choose(store, "ray://head:10001")
    page = open_page("settings")
    page.text_input(key="ray-address").set_value("head").run()
    (error,) = page.error
    assert "ray://host:port" in error.value.replace("\\", "")
    assert page.text_input(key="ray-address").value == "head"
    assert settings.chosen(store) == "ray://head:10001"
    page.text_input(key="ray-address").set_value("other:6379").run()
    assert not page.error
    assert settings.chosen(store) == "ray://other:6379"


def test_a_launcher_that_the_environment_sets_cannot_be_changed(open_page, monkeypatch):
    monkeypatch.setenv(settings.VARIABLE, "ray://head:10001")
    page = open_page("settings")
    assert page.segmented_control(key="launcher").disabled
    assert (page.text_input(key="ray-address").disabled, page.text_input(key="ray-address").value) == (
        True,
        "ray://head:10001",
    )


def test_retries_are_kept(open_page, store):
    page = open_page("settings")
    assert page.number_input(key="retries").value == 0
    page.number_input(key="retries").set_value(2).run()
    assert settings.retries(store) == 2


def test_what_another_session_sets_is_shown_at_the_next_look(open_page, store):
    page = open_page("settings")
    settings.set_retries(store, 7)
    slots.set_slots(store, "cpu", 6)
    page.run()
    assert (page.number_input(key="retries").value, page.number_input(key="slots-cpu").value) == (7, 6)


def silence(store, seconds):
    """Let the scheduler's last heartbeat have been so long ago."""
    (store.folder / scheduler.LOCK).write_text(f"{processes.machine()} {time.monotonic() - seconds:.1f}\n")


def test_whether_the_scheduler_is_at_work_is_shown(open_page, store):
    add_run(store, "queued")
    assert "not running" in texts(open_page("settings"))
    with scheduler._lock(store):
        page = open_page("settings")
        assert "not running" not in texts(page)
        assert any("running" in each.value for each in page.markdown)
    assert "0 running, 1 waiting." in texts(page)


def test_a_scheduler_without_a_sign_of_life_is_told(open_page, store):
    add_run(store, "queued")
    with scheduler._lock(store):
        silence(store, 20)
        assert "not responding" in texts(open_page("settings"))
        page = open_page("runs")
    assert any("has not responded for 2" in warning.value for warning in page.warning)


def test_storage_and_versions_are_told(open_page, store, home):
    add_run(store)
    add_run(store, "failed")
    page = open_page("settings")
    assert "1 finished, 1 failed" in texts(page)
    assert any(" left of " in words for words in words_of_bars(page))
    (versions, *_) = [block.value for block in page.code]
    assert versions.splitlines()[0].startswith("hierapp ")
    assert "torch " in versions


def test_a_log_is_chosen_on_the_page_or_by_the_address_and_searched(open_page, store):
    run = add_run(store)
    folder = store.run(run).folder
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text("".join(f"\x1b[1mline {number}\x1b[0m\n" for number in range(300)))
    page = open_page("settings")
    assert "There is no log yet" in texts(page)
    page.selectbox(key="log").set_value(run).run()
    assert list(page.query_params["log"]) == [run]
    page = open_page("settings", log=run)
    assert page.code[-1].value.splitlines() == [f"line {number}" for number in range(100, 300)]
    page.text_input(key="log-search").set_value("LINE 29").run()
    assert page.code[-1].value.splitlines() == ["line 29", *(f"line {number}" for number in range(290, 300))]
    page.text_input(key="log-search").set_value("nothing").run()
    assert "No line contains this text." in texts(page)


def test_a_broken_store_is_told_and_the_machine_shown_all_the_same(open_page, home):
    home.mkdir()
    (home / "store.sqlite").write_bytes(b"this is no database" * 100)
    page = open_page("settings")
    assert not page.exception
    assert all("cannot be read" in error.value for error in page.error)
    assert len(words_of_bars(page)) >= 2
    assert page.code[0].value.startswith("hierapp ")
