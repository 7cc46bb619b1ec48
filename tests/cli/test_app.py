"""The command `app`, up to the point where the server takes over; tests/test_package.py starts it."""

from __future__ import annotations

import os
import sys

import pytest

from hierapp import paths
from hierapp.cli import main as cli
from hierapp.utils import extras


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What this process would have been replaced by."""
    calls: list[tuple[str, list[str]]] = []

    def execv(program: str, arguments: list[str]) -> None:
        calls.append((program, arguments))
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", execv)
    return calls


def test_app_starts_streamlit_on_the_script_with_port_and_host(executed):
    with pytest.raises(SystemExit):
        cli.main(["app", "--port", "8600", "--host", "127.0.0.1"])
    ((program, arguments),) = executed
    assert program == arguments[0] == sys.executable
    script = str(paths.app_folder() / "app.py")
    assert arguments[1:6] == ["-P", "-m", "streamlit", "run", script]
    assert arguments[6:] == ["--server.port=8600", "--server.address=127.0.0.1"]


def test_app_listens_on_localhost_by_default(executed):
    with pytest.raises(SystemExit):
        cli.main(["app"])
    assert "--server.address=localhost" in executed[0][1]


@pytest.mark.parametrize("port", ["0", "65536", "-1"])
def test_app_refuses_a_port_that_is_none(executed, capsys, port):
    assert cli.main(["app", f"--port={port}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert executed == []


def test_app_without_its_extra_starts_nothing(executed, capsys, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda module: None)
    assert cli.main(["app"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert executed == []
