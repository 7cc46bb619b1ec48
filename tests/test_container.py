"""The container's files, as far as they can be tested without docker: what they name exists, what they start works."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from hierapp.cli.main import parser

PROJECT = Path(__file__).resolve().parent.parent
ENTRY = PROJECT / "docker" / "entry.sh"
PATIENCE = 600.0


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """Instruction and arguments, in order."""
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1].strip()) for line in lines]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8"))


def of(dockerfile: list[tuple[str, str]], instruction: str) -> list[str]:
    return [arguments for name, arguments in dockerfile if name == instruction]


def is_ignored(path: str) -> bool:
    """By .dockerignore: the last pattern that fits the path, or a folder it is in, decides."""
    ignored = False
    for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if not line or line.startswith("#"):
            continue
        above = [path, *map(str, Path(path).parents)]
        if any(fnmatch(each, pattern) or fnmatch(each, pattern.removeprefix("**/")) for each in above):
            ignored = not line.startswith("!")
        elif pattern.startswith("**/") and any(fnmatch(part, pattern[3:]) for part in Path(path).parts):
            ignored = True
    return ignored


# What is in the image


def test_the_base_is_pinned_and_the_process_is_nobody_special(dockerfile):
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", of(dockerfile, "FROM")[0])
    assert of(dockerfile, "USER") == ["hierapp"]
    after = [name for name, _ in dockerfile][[name for name, _ in dockerfile].index("USER") :]
    assert "RUN" not in after


def test_everything_that_is_copied_is_there_and_not_ignored(dockerfile):
    sources = [word for line in of(dockerfile, "COPY") for word in line.split()[:-1]]
    assert {"app.py", "hierapp", "pages", "trees", "assets", "constraints.txt"} <= set(sources)
    for source in sources:
        assert (PROJECT / source).exists()
        assert not is_ignored(source)


def test_all_that_the_app_reads_is_copied(dockerfile):
    """What lies beside hierapp/ and is named in the code by the folder of the project or of the app."""
    sources = {word for line in of(dockerfile, "COPY") for word in line.split()[:-1]}
    for folder in ("hierapp", "pages", "."):
        for file in (PROJECT / folder).glob("*.py" if folder == "." else "**/*.py"):
            for name in re.findall(r'(?:project|app)_folder\(\) / "([^"]+)"', file.read_text(encoding="utf-8")):
                assert name in sources, file


@pytest.mark.parametrize(
    "path",
    [
        *(".streamlit/secrets.toml", ".git/config", ".venv/bin/python", ".cache/data/x", "tests/conftest.py", ".env"),
        *("hierapp/__pycache__/x.pyc", "pages/runs/__pycache__/x.pyc", "docs/losses.md"),
    ],
)
def test_neither_secrets_nor_data_get_into_the_image(path):
    assert is_ignored(path)
    assert not is_ignored("hierapp/losses/base.py")


def test_what_is_installed_is_pinned_and_ray_only_if_wanted(dockerfile):
    (install,) = [line for line in of(dockerfile, "RUN") if "pip install" in line]
    for value, expected in (("", False), ("yes", True)):
        words = subprocess.run(
            ["sh", "-c", f"pip() {{ echo $*; }}; {install}"],
            env={"RAY": value},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert words[words.index("-c") + 1] == "constraints.txt"
        assert ("requirements-ray.txt" in words) is expected
        assert "requirements.txt" in words


def test_the_home_is_a_volume_that_the_user_may_write(dockerfile, compose):
    (environment,) = of(dockerfile, "ENV")
    home = dict(pair.split("=") for pair in environment.split())["HIERAPP_HOME"]
    assert of(dockerfile, "VOLUME") == [home]
    assert any(f"install -d -o hierapp -g hierapp {home}" in line for line in of(dockerfile, "RUN"))
    assert compose["services"]["app"]["volumes"] == [f"home:{home}"] == compose["services"]["head"]["volumes"]
    assert "home" in compose["volumes"]


# What it runs


@pytest.mark.slow
def test_the_app_starts_as_the_image_starts_it_and_says_that_it_is_healthy(dockerfile, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [word.replace("8501", port) for word in json.loads(of(dockerfile, "CMD")[0])]
    assert command[command.index("--server.address") + 1] == "0.0.0.0"
    health = json.loads(re.search(r"CMD (\[.*\])", of(dockerfile, "HEALTHCHECK")[0])[1].replace("8501", port))
    health[0] = sys.executable
    assert "/_stcore/health'" in health[2]  # Streamlit answers any other path as well
    environment = {**os.environ, "HIERAPP_HOME": str(tmp_path), "HIERAPP_OPEN": "1"}
    assert subprocess.run(health, capture_output=True).returncode != 0
    with (tmp_path / "out").open("wb") as out:
        app = subprocess.Popen([sys.executable, "-m", *command], cwd=PROJECT, env=environment, stdout=out, stderr=out)
    try:
        until = time.monotonic() + PATIENCE
        while subprocess.run(health, capture_output=True).returncode:
            assert app.poll() is None, (tmp_path / "out").read_text()
            assert time.monotonic() < until
    finally:
        app.terminate()
        app.wait(PATIENCE)


def test_the_entry_is_sound_shell_and_refuses_to_run_anywhere_else(dockerfile, tmp_path):
    assert json.loads(of(dockerfile, "ENTRYPOINT")[0]) == ["/bin/sh", "/app/docker/entry.sh"]
    subprocess.run(["sh", "-n", str(ENTRY)], check=True)
    for environment in ({}, {"HIERAPP_CONTAINER": "1"}):
        # Its parent is a shell of ours, and so never the first process of the machine.
        again = ["sh", "-c", '"$@"; exit $?', "sh", "sh", str(ENTRY), "touch", str(tmp_path / "x")]
        done = subprocess.run(again, env={"PATH": os.environ["PATH"], **environment}, capture_output=True)
        assert done.returncode == 2
        assert b"container only" in done.stderr
        assert not (tmp_path / "x").exists()


# Its first process asks for a worker in a session of its own, as hierapp.utils.processes does, and ends when told.
APP = """
import os, pathlib, signal, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
worker = '''
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
def stop(number, frame):
    time.sleep(0.5)
    (folder / "checkpoint").write_text(str(number))
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
(folder / "worker").write_text("")
while True:
    time.sleep(0.05)
'''
subprocess.Popen([sys.executable, "-c", worker, str(folder)], start_new_session=True)
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))
while not (folder / "worker").exists():
    time.sleep(0.01)
(folder / "app").write_text("")
if sys.argv[2] == "ends":
    sys.exit(3)
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def contained(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Starts the entry as the first process of a namespace of its own, or as the child of a first process."""
    # Never without the namespace: the entry signals every process that it sees.
    inside = '[ $$ -eq 1 ] || exit 99; exec "$@"'
    alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", inside, "sh"]
    try:
        tried = subprocess.run([*alone, "true"], capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no namespace of processes can be made here: {error}")
    if tried.returncode:
        pytest.skip(f"no namespace of processes can be made here: {tried.stderr.strip()}")

    def start(init: bool, *arguments: str) -> subprocess.Popen[bytes]:
        # As docker's init: passes signals on to its child, reaps whatever ends, and ends as its child does.
        passing = (
            "import os, signal, sys\n"
            "child = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])\n"
            "signal.signal(signal.SIGTERM, lambda number, frame: os.kill(child, number))\n"
            "while (ended := os.wait())[0] != child: pass\n"
            "os._exit(os.waitstatus_to_exitcode(ended[1]))\n"
        )
        first = [sys.executable, "-c", passing] if init else []
        return subprocess.Popen(
            [*alone, *first, "sh", str(ENTRY), sys.executable, "-c", APP, str(tmp_path), *arguments],
            env={**os.environ, "HIERAPP_CONTAINER": "1"},
        )

    return start


@pytest.mark.parametrize("init", [True, False])
def test_workers_write_their_checkpoints_before_the_container_is_gone(contained, tmp_path, init):
    started = contained(init, "stays")
    try:
        until = time.monotonic() + PATIENCE
        while not (tmp_path / "app").exists():
            assert started.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        assert not (tmp_path / "checkpoint").exists()
        (first,) = psutil.Process(started.pid).children()
        first.terminate()  # as `docker stop` does
        assert started.wait(PATIENCE) == 7
        assert (tmp_path / "checkpoint").read_text() == "15"
    finally:
        started.kill()


@pytest.mark.parametrize("init", [True, False])
def test_an_app_that_ends_by_itself_ends_the_container_and_its_workers_in_order(contained, tmp_path, init):
    started = contained(init, "ends")
    try:
        assert started.wait(PATIENCE) == 3
        assert (tmp_path / "checkpoint").read_text() == "15"
    finally:
        started.kill()


# compose.yaml


def test_nothing_is_published_beyond_this_machine(compose):
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_each_service_is_built_from_here_has_an_init_and_time_to_stop(compose):
    assert compose["services"].keys() == {"app", "head", "worker"}
    for service in compose["services"].values():
        assert service["build"] == {"context": ".", "args": {"RAY": "yes"}}
        assert service["init"] is True
        assert int(service["stop_grace_period"].removesuffix("s")) >= 30


def test_ray_is_a_profile_and_the_app_finds_it_by_its_name(compose):
    services = compose["services"]
    assert "profiles" not in services["app"]
    for name in ("head", "worker"):
        assert services[name]["profiles"] == ["ray"]
        assert services[name]["entrypoint"] == []
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > 30  # what Ray takes at most
    assert "volumes" not in services["worker"]
    assert "--address=head:6379" in services["worker"]["command"]
    assert services["app"]["environment"]["HIERAPP_OPEN"] == "1"


def test_ray_knows_the_options_that_it_is_started_with(compose):
    scripts = pytest.importorskip("ray.scripts.scripts")
    for name in ("head", "worker"):
        program, command, *arguments = shlex.split(compose["services"][name]["command"])
        assert (program, command) == ("ray", "start")
        context = scripts.start.make_context("start", list(arguments))
        assert context.params["block"] is True
    check = compose["services"]["head"]["healthcheck"]["test"]
    assert check[:3] == ["CMD", "ray", "health-check"]
    scripts.healthcheck.make_context("health-check", check[3:])


# docs/deploy.md


def test_every_command_of_the_guide_is_one_that_the_command_line_knows():
    text = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")
    commands = re.findall(r"python -m hierapp ([^\n]*)$", text, re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        assert parser().parse_args(command.split()).command


def test_what_the_guide_says_of_the_image_is_so(dockerfile, compose):
    text = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")
    (run,) = re.findall(r"docker run (.*)$", text, re.MULTILINE)
    assert f":{of(dockerfile, 'VOLUME')[0]} " in run
    assert f"-p {compose['services']['app']['ports'][0].replace('${HIERAPP_PORT:-8501}', '8501')} " in run
    assert f"--stop-timeout {compose['services']['app']['stop_grace_period'].removesuffix('s')} " in run
