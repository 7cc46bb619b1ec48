"""The queue and stopped runs, steered from the Runs page, in a real browser with real runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

from playwright.sync_api import expect

from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from tests.e2e.conftest import LONG, REPOSITORY, SCREENSHOTS, points, wait_until


def config(**values):
    return RunConfig.make(**{"data": "digits", "tree": "digits", "loss": "hierarchical", "epochs": 150, **values})


def visible(page, key):
    """A button by its key; one with a tooltip stands in the page twice, once hidden."""
    return page.locator(f".st-key-{key} button").locator("visible=true")


def turn_row(page, place):
    """Click the box of a row of the table, which is drawn on a canvas."""
    page.get_by_test_id("stDataFrame").first.click(position={"x": 17, "y": 36 + 35 * place + 17})


def test_a_killed_run_says_why_and_goes_on_when_it_is_resumed(server, page):
    store = server.store
    (run,) = store.add([config()], tree_library.load("digits"))
    page.goto(f"{server.url}/runs")
    wait_until(lambda: (store.run(run).folder / "checkpoint.safetensors").exists(), "a checkpoint")
    os.kill(store.run(run).pid, signal.SIGKILL)
    expect(page.get_by_text("terminated by signal 9 (Killed)")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name=f"Resume {run}").click()
    wait_until(lambda: store.run(run).state == "finished", "the resumed run")
    assert store.run(run).attempt == 2
    resumed = page.get_by_text(re.compile(r"Training resumes from epoch \d+\.\d\d\."))  # in the history, and in the log
    expect(resumed.first).to_be_visible(timeout=LONG)
    assert [epoch for epoch, _ in store.metrics([run])[run]["val_loss"]] == list(range(1, 151))


def test_a_plain_loop_is_shown_live_and_says_so_when_it_is_killed(server, page):
    command = [sys.executable, "examples/own_training_loop.py", "--epochs", "100000"]
    environment = {**server.environment, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    loop = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: server.store.runs() and server.store.run("1").epoch >= 2, "two epochs")
        page.goto(f"{server.url}/runs")
        wait_until(lambda: max(points(page, "accuracy"), default=0) >= 2, "the curve")
        before = max(points(page, "accuracy"))
        wait_until(lambda: max(points(page, "accuracy")) > before, "more of the curve")
        page.screenshot(path=SCREENSHOTS / "tracked.png", full_page=True)
    finally:
        loop.kill()
        loop.wait()
    expect(page.get_by_text("process of this training loop is gone")).to_be_visible()
    (run,) = server.store.runs()
    assert (run.state, run.origin) == ("interrupted", "tracked")
    expect(page.get_by_role("button", name="Resume")).to_be_disabled()


def test_waiting_runs_are_ordered_and_held(server, page):
    store = server.store
    ids = store.add([config(seed=seed, epochs=10_000) for seed in range(3)], tree_library.load("digits"))
    for run in ids:
        store.hold(run)
    page.goto(f"{server.url}/runs")
    page.get_by_role("button", name="Queue").click()
    expect(page.get_by_text("3 queued")).to_be_visible()
    visible(page, f"move-first-{ids[2]}").click()
    wait_until(lambda: [run.id for run in store.queue()] == [ids[2], ids[0], ids[1]], "the new order")
    visible(page, f"release-{ids[0]}").click()
    wait_until(lambda: store.run(ids[0]).state == "running", "the released run")
    wait_until(lambda: store.run(ids[0]).epoch > 0, "its first epoch")
    assert [run.held for run in store.runs(ids[1:])] == [True, True]
    expect(page.get_by_text("2 queued")).to_be_visible()

    # Rows are chosen while the page refreshes and runs are added, without further entries in the history.
    page.keyboard.press("Escape")
    entries = page.evaluate("history.length")
    turn_row(page, 1)
    expect(page.get_by_text("3 runs, 2 chosen")).to_be_visible()
    expect(page).to_have_url(re.compile(r"runs=1&runs=3$"))
    (later,) = store.add([config(seed=3)], tree_library.load("digits"))
    store.hold(later)
    expect(page.get_by_text("4 runs, 2 chosen")).to_be_visible()
    turn_row(page, 2)
    expect(page.get_by_text("4 runs, 3 chosen")).to_be_visible()
    expect(page).to_have_url(re.compile(r"runs=1&runs=2&runs=3$"))
    page.get_by_label("Find runs").fill("seed 1")
    page.get_by_label("Find runs").press("Enter")
    expect(page.get_by_text("1 of 4 runs, 3 chosen (2 not listed)")).to_be_visible()
    turn_row(page, 0)
    expect(page.get_by_text("1 of 4 runs, 2 chosen (2 not listed)")).to_be_visible()
    assert page.evaluate("history.length") == entries
    page.screenshot(path=SCREENSHOTS / "runs-table.png", full_page=True)


def test_a_run_is_cloned_into_the_form(server, page):
    given = config(
        loss="hxe", options={"alpha": 0.25, "normalize": False}, epochs=7, batch_size=64, learning_rate=0.02, seed=5,
        tree="digits-flat", device="cpu",
    )  # fmt: skip
    (run,) = server.store.add([given], tree_library.load("digits-flat"))
    server.store.request_cancel(run)
    page.goto(f"{server.url}/runs")
    page.get_by_text("Configuration and log").click()
    page.get_by_role("button", name="Clone and edit").click()
    expect(page.get_by_role("heading", level=1, name="Train")).to_be_visible(timeout=LONG)
    page.get_by_role("spinbutton", name="Epochs").fill("1")
    page.get_by_role("spinbutton", name="Epochs").press("Enter")
    expect(page.get_by_text("1 epoch each")).to_be_visible(timeout=LONG)
    page.get_by_role("button", name="Start 1 run").click()
    page.wait_for_url("**/runs?runs=2")
    assert server.store.run("2").config == given.model_copy(update={"epochs": 1})
