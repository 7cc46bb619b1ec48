"""The package: sdist and wheel are built, the wheel is installed into fresh environments and used from another folder.

One environment sees torch, numpy and networkx with what these need, the other one everything that is installed here:
nothing is downloaded.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hierapp import __version__, paths
from hierapp.cli.main import COMMANDS, parser
from hierapp.trees import library as tree_library, text as tree_text

PROJECT = Path(__file__).resolve().parent.parent
CORE = ("torch", "numpy", "networkx")
SOURCES = {
    "hierapp": "hierapp",
    "pages": "hierapp/_app/pages",
    "assets": "hierapp/_app/assets",
    "trees": "hierapp/trees/data",
}
PATIENCE = 600.0

pytestmark = pytest.mark.slow


def call(*command: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, without the checkout on Python's path."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "HIERAPP_OPEN")}
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**inherited, "HIERAPP_HOME": str(folder / "home"), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def build(target: str, source: Path, out: Path) -> Path:
    """Build a wheel or an sdist by the build system of pyproject.toml, without a network."""
    done = call(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", out, folder=source)
    assert done.returncode == 0, done.stderr
    (built,) = out.iterdir()
    return built


def needed(names: tuple[str, ...]) -> Iterator[metadata.Distribution]:
    """These distributions and all that they need, each once."""
    waiting, seen = list(names), set()
    while waiting:
        if (name := canonicalize_name(waiting.pop())) in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # of another platform, or only another way to have the same
            continue
        yield found
        # Those of extras too: CUDA's libraries are extras of a package that torch names.
        waiting += [Requirement(line).name for line in found.requires or () if "nvidia" in line or "extra" not in line]


def environment(folder: Path, wheel: Path, libraries: Path) -> Path:
    """A fresh environment with the wheel, and with libraries of this one; its folder of programs."""
    venv.create(folder, symlinks=True)
    programs = folder / "bin"
    (purelib,) = folder.glob("lib/python*/site-packages")
    (purelib / "libraries.pth").write_text(f"{libraries}\n")
    install = ("install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", wheel)
    done = call(sys.executable, "-m", "pip", "--python", programs / "python", *install, folder=folder)
    assert done.returncode == 0, done.stderr
    return programs


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", PROJECT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", PROJECT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The programs of an environment with hierapp, torch, numpy and networkx."""
    folder = tmp_path_factory.mktemp("core")
    libraries = folder / "libraries"
    libraries.mkdir()
    for found in needed(CORE):
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            link = libraries / top
            if not link.exists():
                link.symlink_to(Path(str(found.locate_file(top))))
    return environment(folder / "environment", wheel, libraries)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The programs of an environment with hierapp and everything that is installed here."""
    return environment(tmp_path_factory.mktemp("app") / "environment", wheel, Path(sysconfig.get_path("purelib")))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that has a pages/ and an app.py of its own, which are not hierapp's."""
    (tmp_path / "pages" / "shared").mkdir(parents=True)
    for file in ("app.py", "pages/__init__.py", "pages/shared/__init__.py"):
        (tmp_path / file).write_text("raise RuntimeError('this is not hierapp')\n")
    return tmp_path


# What is in them


def test_wheel_holds_every_file_and_adds_only_the_package_hierapp(wheel: Path):
    found = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in found} == {"hierapp", f"hierapp-{__version__}.dist-info"}
    assert {
        "hierapp/py.typed",
        "hierapp/_app/app.py",
        "hierapp/_app/.streamlit/config.toml",
        "hierapp/_app/docs/glossary.md",
    } <= found
    for source, place in SOURCES.items():
        for file in (PROJECT / source).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert f"{place}/{file.relative_to(PROJECT / source).as_posix()}" in found


def test_wheel_built_from_the_sdist_is_the_same(sdist: Path, wheel: Path, tmp_path: Path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert build("wheel", source, tmp_path / "out").read_bytes() == wheel.read_bytes()


def test_sdist_and_wheel_are_named_by_the_one_version(sdist: Path, wheel: Path):
    assert sdist.name == f"hierapp-{__version__}.tar.gz"
    assert wheel.name == f"hierapp-{__version__}-py3-none-any.whl"
    assert f"version: {__version__}\n" in (PROJECT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## [{__version__}] - " in (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_pinned_versions_lie_within_the_ranges_of_the_package():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for extra, lines in {"": project["dependencies"] + extras["app"], **extras}.items():
        if extra == "app":
            continue
        ranges = {canonicalize_name(each.name): each for each in map(Requirement, lines)}
        file = PROJECT / f"requirements{f'-{extra}' if extra else ''}.txt"
        pinned = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE))
        for name, version in pinned.items():
            assert version in ranges[canonicalize_name(name)].specifier, name
        # What another requirement brings is named by the package alone, so that it cannot be missing.
        assert ranges.keys() - {canonicalize_name(name) for name in pinned} <= {"hierapp", "pillow"}, file


# With torch, numpy and networkx


def test_core_computes_losses_and_metrics_without_the_extras(core: Path, elsewhere: Path):
    script = """
import importlib.util, sys
for module in ("streamlit", "pandas", "plotly", "pydantic", "scipy", "rich", "psutil"):
    assert importlib.util.find_spec(module) is None, module
import hierapp
from hierapp import LabelTree, make_loss
assert "torch" not in sys.modules
import torch
from hierapp.decoding import decode
from hierapp.decoding.decoders import DECODERS
from hierapp.losses import LOSSES
from hierapp.metrics import confusion_matrix, report
from hierapp.trees import library
from hierapp.version import code_version
tree = library.load("cifar10")
target = torch.arange(10)
for name in LOSSES:
    loss = make_loss(name, tree)
    logits = torch.zeros(10, loss.num_outputs, requires_grad=True)
    loss(logits, target).backward()
    assert logits.grad.isfinite().all(), name
    leaves = loss.leaf_log_probs(logits.detach())
for rule in DECODERS:
    decode(leaves, tree, rule)
report(confusion_matrix(target, leaves.argmax(1), 10), tree)
try:
    hierapp.load_runs()
except hierapp.errors.HierappError as error:
    assert "hierapp[app]" in str(error)
print(code_version(), hierapp.__file__)
"""
    call("git", "init", "--quiet", folder=elsewhere)
    done = call(core / "python", "-P", "-c", script, folder=elsewhere)
    assert done.returncode == 0, done.stderr
    version, file = done.stdout.split()
    assert (version, Path(file).is_relative_to(core.parent)) == (__version__, True)


def test_core_shows_trees_and_lists_all_commands(core: Path, elsewhere: Path):
    shown = call(core / "hierapp", "tree", "show", "cifar10", folder=elsewhere, PYTHONUTF8="1")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == tree_text.draw(tree_library.load("cifar10")) + "\n"
    said = call(core / "hierapp", "--help", folder=elsewhere)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("usage: hierapp ")
    for named in COMMANDS.values():
        for name in named:
            assert f"\n    {name}" in said.stdout


@pytest.mark.parametrize("command", ["run --loss hxe", "runs", "app", "data get digits", "compare 1 2", "search lr"])
def test_commands_that_need_the_extra_say_so_in_one_sentence(core: Path, elsewhere: Path, command: str):
    done = call(core / "hierapp", *command.split(), folder=elsewhere)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"hierapp: .+ not installed; install it with `pip install 'hierapp\[app\]'`\.\n", done.stderr)


# With the extra `app`


def test_pages_of_the_installed_app_run_without_exception(app: Path, elsewhere: Path):
    script = """
import sys
from streamlit.testing.v1 import AppTest
from hierapp import paths
page = AppTest.from_file(str(paths.app_folder() / "app.py"), default_timeout=600).run()
for name in (None, "trees", "similarities", "reproduce", "lab", "train"):
    if name:
        page.switch_page(f"pages/{name}/page.py").run()
    assert not page.exception, (name, page.exception)
    assert page.title, name
print(sys.modules["pages.shared.common"].__file__)
"""
    done = call(app / "python", "-P", "-c", script, folder=elsewhere, HIERAPP_OPEN="1")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(app.parent)


@pytest.mark.browser
def test_app_command_serves_the_installed_app_with_its_theme(app: Path, elsewhere: Path):
    from playwright.sync_api import Error, expect

    from benchmarks.browser import chromium

    def look() -> str:
        with chromium() as browser:
            page = browser.new_page()
            page.goto(f"http://localhost:{port}/trees?tree=cifar10")
            expect(page.get_by_role("heading", name="Trees").first).to_be_visible(timeout=90_000)
            expect(page.get_by_test_id("stException")).to_have_count(0)
            return page.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).color")

    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    with (elsewhere / "log").open("wb") as log:
        server = subprocess.Popen(
            [app / "hierapp", "app", "--port", str(port)],
            cwd=elsewhere,
            env={**os.environ, "HIERAPP_HOME": str(elsewhere / "home"), "STREAMLIT_SERVER_HEADLESS": "true"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert server.poll() is None, (elsewhere / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.1)
        with urllib.request.urlopen(f"http://localhost:{port}/trees", timeout=PATIENCE) as answer:
            assert answer.status == 200
        try:
            # In a thread: tests/e2e keeps Playwright's event loop in the main one, where a second cannot run.
            with ThreadPoolExecutor(1) as thread:
                color = thread.submit(look).result()
        except Error as error:
            if shutil.which("chromium"):
                raise
            pytest.skip(f"no Chromium to test with: {str(error).splitlines()[0]}")
        theme = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())["theme"]["light"]
        assert color == f"rgb({', '.join(str(part) for part in bytes.fromhex(theme['textColor'][1:]))})"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_run_trains_by_the_installed_package(app: Path, elsewhere: Path):
    words = ("run", "--data", "digits", "--loss", "hierarchical", "--epochs", "1", "--json")
    done = call(app / "hierapp", *words, folder=elsewhere, HIERAPP_DATA=str(elsewhere / "data"))
    assert done.returncode == 0, done.stderr
    assert '"state": "finished"' in done.stdout
    assert f'"version": "{__version__}"' in done.stdout


# In the checkout


def test_checkout_has_the_app_and_the_trees_at_its_top():
    assert not paths.is_installed()
    assert (paths.app_folder(), paths.shipped_trees()) == (PROJECT, PROJECT / "trees")


def test_grammar_of_one_command_lists_the_others_as_well():
    assert parser("tree").format_help() == parser().format_help() == parser("").format_help()
