"""The container's files, as far as they can be tested without docker: what they name exists, what they start works."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from hierapp import __version__
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


def copied(dockerfile: list[tuple[str, str]]) -> set[str]:
    """What is copied from the checkout."""
    lines = [line for line in of(dockerfile, "COPY") if not line.startswith("--from")]
    return {word for line in lines for word in line.split()[:-1]}


def defaults(dockerfile: list[tuple[str, str]]) -> dict[str, str | None]:
    """The build arguments, with their defaults."""
    words = [word.split("=", 1) for line in of(dockerfile, "ARG") for word in line.split()]
    return {word[0]: word[1] if len(word) == 2 else None for word in words}


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
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", defaults(dockerfile)["BASE"] or "")
    assert {line.split()[0] for line in of(dockerfile, "FROM")} == {"${BASE}"}
    assert of(dockerfile, "USER") == ["hierapp"]
    after = [name for name, _ in dockerfile][[name for name, _ in dockerfile].index("USER") :]
    assert "RUN" not in after


def test_everything_that_is_copied_is_there_and_not_ignored(dockerfile):
    for source in copied(dockerfile):
        assert (PROJECT / source).exists()
        assert not is_ignored(source)


def test_all_that_the_wheel_is_built_from_is_copied(dockerfile):
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    assert needed | {*wheel["packages"], *wheel["force-include"]} <= copied(dockerfile)


def test_the_image_is_labeled_with_the_version_and_the_license_of_the_package(dockerfile):
    (line,) = of(dockerfile, "LABEL")
    labels = dict(pair.removeprefix("org.opencontainers.image.").split("=") for pair in line.split())
    assert labels == {"title": "hierapp", "version": __version__, "licenses": "MIT"}


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


def installed(dockerfile: list[tuple[str, str]], **arguments: str) -> list[list[str]]:
    """The words of each `pip install` of the image, with these build arguments."""
    lines = [line.replace("python check_torch.py", "true") for line in of(dockerfile, "RUN") if "pip install" in line]
    script = "pip() { echo $*; }; rm() { :; }; useradd() { :; }; install() { :; }; python() { :; }; " + "\n".join(lines)
    said = subprocess.run(["sh", "-c", script], env=arguments, capture_output=True, text=True, check=True).stdout
    return [line.split() for line in said.splitlines() if line.startswith("install")]


def test_what_is_installed_is_pinned_and_ray_only_if_wanted(dockerfile):
    for value, expected in (("", False), ("yes", True)):
        *from_index, own = installed(dockerfile, RAY=value)
        for words in from_index:
            assert words[words.index("-c") + 1] == "constraints.txt"
        assert "requirements.txt" in from_index[-1]
        assert ("requirements-ray.txt" in from_index[-1]) is expected
        assert {"--no-index", "--no-deps", "/wheel/*.whl"} <= set(own)


def test_torch_comes_from_an_index_of_its_own_if_one_is_named(dockerfile):
    assert defaults(dockerfile)["TORCH"] == "cpu"
    for index, expected in (("", False), ("https://wheels.example/cpu", True)):
        (words,) = [words for words in installed(dockerfile, TORCH_INDEX=index) if "torch" in words]
        assert ("--extra-index-url" in words) is expected
        assert not expected or words[words.index("--extra-index-url") + 1] == index


@pytest.mark.parametrize(
    ("wanted", "cuda", "expected"),
    [
        ("cpu", None, None),
        ("cpu", "13.0", None),
        ("cuda", "13.0", None),
        ("cuda", None, "TORCH_INDEX"),
        ("gpu", None, "gpu"),
    ],
)
def test_an_image_without_the_torch_that_was_asked_for_is_not_built(wanted, cuda, expected):
    found = runpy.run_path(str(PROJECT / "docker" / "check_torch.py"))["problem"](wanted, cuda)
    assert found is None if expected is None else expected in found


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
    assert command[command.index("--host") + 1] == "0.0.0.0"
    health = json.loads(re.search(r"CMD (\[.*\])", of(dockerfile, "HEALTHCHECK")[0])[1].replace("8501", port))
    health[0] = sys.executable
    assert "/_stcore/health'" in health[2]  # Streamlit answers any other path as well
    environment = {
        **os.environ,
        "HIERAPP_HOME": str(tmp_path),
        "HIERAPP_OPEN": "1",
        "STREAMLIT_SERVER_HEADLESS": "true",
    }
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


def test_each_service_is_built_from_here_has_an_init_and_time_to_stop(dockerfile, compose):
    assert compose["services"].keys() == {"app", "head", "worker"}
    for service in compose["services"].values():
        assert service["build"]["context"] == "."
        assert service["build"]["args"]["RAY"] == "yes"
        assert service["build"]["args"].keys() <= defaults(dockerfile).keys()
        assert service["build"]["args"]["TORCH"] == f"${{TORCH:-{defaults(dockerfile)['TORCH']}}}"
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


def test_every_build_argument_is_described(dockerfile):
    text = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in defaults(dockerfile))


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
