"""Processes are killed at random moments; every run finishes once, as if nothing had been.

make faults    # the full form: 20 kills, 6 runs, the app among what is killed; prints a table
"""

from __future__ import annotations

import os

import pytest

from benchmarks import machine
from tests.faults.campaign import Campaign, configs, epochs_for, undisturbed
from tests.faults.victims import App, Hierapp


@pytest.mark.long
def test_runs_finish_once_and_alike_whatever_is_killed_meanwhile(tmp_path):
    planned, home = configs(3, epochs_for(seconds=20, runs=3)), tmp_path / "home"
    campaign = Campaign(home, planned, kills=3, seed=1)
    workers = Hierapp(home, "worker")
    campaign.go([workers, Hierapp(home, "launcher"), workers])
    print(campaign.table())
    campaign.check(undisturbed(tmp_path / "calm", planned))
    if campaign.shortfall:
        pytest.skip(campaign.shortfall)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_twenty_kills_of_workers_launcher_and_app_change_nothing(tmp_path, capsys):
    seed = int(os.environ.get("SEED", "1"))
    planned, home = configs(6, epochs_for(seconds=120, runs=6)), tmp_path / "home"
    campaign = Campaign(home, planned, kills=20, seed=seed)
    home.mkdir()
    workers = Hierapp(home, "worker")
    try:
        campaign.go([workers, Hierapp(home, "launcher"), App(home), workers])
    finally:
        with capsys.disabled():
            print(f"\n{machine.describe()}; seed {seed}; {planned[0].epochs} epochs\n\n{campaign.table()}")
    campaign.check(undisturbed(tmp_path / "calm", planned))
    with capsys.disabled():
        print(f"\n{campaign.watch.looks} looks at the processes: never two workers of a run.")
    if campaign.shortfall:
        pytest.skip(campaign.shortfall)
