"""The login, the roles and forged messages, against a real server with a real OpenID provider on loopback."""

import fcntl
import json
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import expect

from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from tests.e2e.conftest import SCREENSHOTS, new_context, wait_until
from tests.e2e.forged import button, entered, errors, field, pressed, session
from tests.e2e.test_walk import TITLES

SECRETS = """
[auth]
redirect_uri = "http://localhost:{{port}}/oauth2callback"
cookie_secret = "{secret}"
client_id = "hierapp"
client_secret = "of no account here"
server_metadata_url = "http://localhost:{provider}/.well-known/openid-configuration"

[access]
admins = ["ada@x.edu"]
runners = {runners}
viewers = ["@x.edu"]

[access.limits]
epochs = 50
"""
PEOPLE = [
    {"sub": name, "email": f"{name}@x.edu", "email_verified": name != "una"}
    for name in ("ada", "bob", "eve", "vic", "una")
]


@pytest.fixture(scope="module")
def provider():
    """The provider's port. A process of its own: its imports warn."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    claims = [f"--user-claims={json.dumps(person)}" for person in PEOPLE]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--host", "localhost", *claims]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"http://localhost:{port}/.well-known/openid-configuration", timeout=1)
            break
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < until, "the provider does not answer"
            time.sleep(0.1)
    yield port
    process.kill()
    process.wait()


@pytest.fixture
def write_secrets(tmp_path, provider):
    """Write the secrets, with these runners."""
    secret = secrets.token_hex()

    def write(*runners):
        text = SECRETS.format(secret=secret, provider=provider, runners=json.dumps([f"{who}@x.edu" for who in runners]))
        (tmp_path / "secrets.toml").write_text(text)

    return write


@pytest.fixture
def guarded(new_server, write_secrets, monkeypatch):
    """The app behind the login; bob and eve are runners. Runs wait for ever: the scheduler's place is taken."""
    monkeypatch.setenv("HIERAPP_FORK_SERVER", "0")  # so that the app itself starts no scheduler
    write_secrets("bob", "eve")
    server = new_server()
    server.store.folder.mkdir(exist_ok=True)
    with (server.store.folder / "launcher.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield server


@pytest.fixture
def windows(browser):
    """Windows with cookies of their own."""
    contexts = []

    def opened():
        contexts.append(new_context(browser, viewport={"width": 1280, "height": 900}))
        contexts[-1].route(
            "**/*", lambda route: route.continue_() if "//localhost:" in route.request.url else route.abort()
        )
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


def log_in(window, server, who):
    window.goto(server.url)
    window.get_by_role("button", name="Sign in").click()
    window.get_by_role("button", name=who, exact=True).click()
    window.wait_for_url(server.url + "/")
    return window


def add(server, owner):
    config = RunConfig.make(data="digits", tree="digits", loss="simloss")
    return server.store.add([config], tree_library.load("digits"), owner=owner)[0]


def cancelled(server):
    return {run.id: run.state == "cancelled" for run in server.store.runs()}


def test_each_role_by_the_page_and_by_forged_messages(guarded, windows, write_secrets):
    of_bob, of_eve, of_none = add(guarded, "bob@x.edu"), add(guarded, "eve@x.edu"), add(guarded, None)
    every = f"runs={of_bob}&runs={of_eve}&runs={of_none}"

    # Before the login: nothing but the sign-in screen, by browser and, at every address, by hand.
    window = windows()
    for path in ("", "runs"):
        window.goto(f"{guarded.url}/{path}?{every}")
        expect(window.get_by_role("button", name="Sign in")).to_be_visible()
        expect(window.get_by_role("heading", level=1)).to_have_text("hierapp")
        expect(window.get_by_test_id("stTopNav")).to_have_count(0)
    with session(guarded.url) as nobody:
        for path in TITLES:
            shown = nobody.run(path, every)
            assert [element.WhichOneof("type") for element in shown] == ["heading", "markdown", "button"], path

    # A viewer looks.
    viewer = log_in(window, guarded, "vic")
    expect(viewer.get_by_role("button", name="Compare three losses on Digits")).to_be_disabled()
    viewer.goto(f"{guarded.url}/train?data=digits&loss=simloss")
    expect(viewer.get_by_role("button", name="Start 1 run")).to_be_disabled()
    with session(guarded.url, viewer) as forger:
        start = button(forger.run("train", "data=digits&loss=simloss"), "Start 1 run")
        forger.run("train", "data=digits&loss=simloss", [pressed(start)])
        cancel = button(forger.run("runs", every), f"Cancel {of_bob} ")
        forger.run("runs", every, [pressed(cancel)])
    assert not any(cancelled(guarded).values())
    assert len(guarded.store.runs()) == 3

    # A runner steers their own runs, and only them.
    runner = log_in(windows(), guarded, "bob")
    with session(guarded.url, runner) as forger:
        shown = forger.run("runs", every)
        others, own = button(shown, f"Cancel {of_eve} "), button(shown, f"Cancel {of_bob} ")
        assert others.disabled
        assert not own.disabled
        part = forger.fragments[own.id]
        for fragment in ("", part):  # the whole page, and the part of it that runs by itself
            forger.run("runs", every, [pressed(others)], fragment)
            assert not any(cancelled(guarded).values())
        # Were the messages above no presses at all, this one would do nothing either.
        forger.run("runs", every, [pressed(own)], part)
        assert cancelled(guarded) == {of_bob: True, of_eve: False, of_none: False}
        # A value that the page would not take, in one message with the press.
        shown = forger.run("train", "data=digits&loss=simloss")
        epochs, start = field(shown, "Epochs"), button(shown, "Start 1 run")
        asked = [entered(epochs, {"int_value": 51}), pressed(start)]
        assert errors(forger.run("train", "data=digits&loss=simloss", asked)) == [
            "A run may have at most 50 epochs here, but 51 were requested; choose fewer."
        ]
    assert len(guarded.store.runs()) == 3
    runner.goto(f"{guarded.url}/runs?{every}")
    runner.get_by_role("button", name="Cancel").click()
    expect(runner.get_by_role("button", name=f"Cancel {of_eve} ")).to_be_disabled()
    pictures(runner, "runs")
    runner.goto(f"{guarded.url}/train?data=digits&loss=simloss")
    runner.get_by_role("button", name="Start 1 run").click()
    runner.wait_for_url(re.compile(r"/runs\?runs=4"))
    assert guarded.store.run("4").owner == "bob@x.edu"

    # An admin steers everybody's; the message is the one that did nothing before.
    admin = log_in(windows(), guarded, "ada")
    with session(guarded.url, admin) as forger:
        forger.run("runs", every)
        forger.run("runs", every, [pressed(others)])
    assert cancelled(guarded)[of_eve]
    admin.goto(f"{guarded.url}/runs?{every}")
    admin.get_by_role("button", name="Cancel").click()
    admin.get_by_role("button", name=f"Cancel {of_none} ").click()
    wait_until(lambda: cancelled(guarded)[of_none], "the run that the admin cancels")

    # Rights that are taken away are gone at once, in a session that is open.
    with session(guarded.url, runner) as forger:
        start = button(forger.run("train", "data=digits&loss=simloss"), "Start 1 run")
        assert not start.disabled
        write_secrets("eve")
        wait_until(lambda: button(forger.run("train", "data=digits&loss=simloss"), "Start 1 run").disabled, "it")
        forger.run("train", "data=digits&loss=simloss", [pressed(start)])
    assert len(guarded.store.runs()) == 4


def pictures(page, name):
    """For people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)
        page.screenshot(path=SCREENSHOTS / f"access-{name}-{scheme}.png")


def test_signing_out_ends_the_session_and_an_unverified_email_has_no_role(guarded, windows):
    page = windows()
    page.goto(guarded.url)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    pictures(page, "sign-in")

    log_in(page, guarded, "una")
    expect(page.get_by_text("Your login has no verified e-mail address")).to_be_visible()
    pictures(page, "no-role")
    sign_out(page, guarded)

    log_in(page, guarded, "bob")
    page.get_by_test_id("stTopNavSection").get_by_text("bob").click()
    page.get_by_role("menuitem", name="Account").click()
    expect(page.get_by_text("Signed in as bob@x.edu, runner.")).to_be_visible()
    pictures(page, "account")
    sign_out(page, guarded)
    page.goto(f"{guarded.url}/runs")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def sign_out(page, server):
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="End session").click()
    page.wait_for_url(server.url + "/")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_an_app_that_others_can_reach_serves_only_with_the_flag(new_server, page):
    closed = new_server("--server.address=0.0.0.0")
    for path in ("", "runs"):
        page.goto(f"{closed.url}/{path}")
        expect(page.get_by_text("no login and listens")).to_be_visible()
        expect(page.get_by_test_id("stButton")).to_have_count(0)
    assert closed.log.read_text().count("no login and listens") == 1
    with session(closed.url) as nobody:
        for path in TITLES:
            shown = nobody.run(path)
            assert [element.WhichOneof("type") for element in shown] == ["heading", "alert"], path
    closed.stop()
    closed.environment["HIERAPP_OPEN"] = "1"
    closed.start()
    page.goto(closed.url)
    expect(page.get_by_role("button", name="Compare three losses on Digits")).to_be_enabled()
