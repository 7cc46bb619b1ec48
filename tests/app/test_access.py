"""What the pages show and do for each role, without a browser; the login is Streamlit's and is not tested here."""

import threading

import pytest
from streamlit.testing.v1 import AppTest

from hierapp.access import Actions
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.trees.drafts import Draft
from pages.shared import auth
from tests.app.conftest import APP, texts

PAGES = ("start", "trees", "studio", "train", "runs")
ACCESS = {
    "admins": ["ada@x.edu"],
    "runners": ["bob@x.edu", "eve@x.edu"],
    "viewers": ["@x.edu"],
    "limits": {"epochs": 50, "upload_mb": 0.001},
}
AUTH = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "a" * 32}


@pytest.fixture(autouse=True)
def fresh(home, monkeypatch):
    """As on a fresh server: no login was seen yet, and nothing was told."""
    monkeypatch.setattr(auth, "_login_seen", threading.Event())
    auth._tell_operator.cache_clear()


def app_of(email=None, access=ACCESS, **query):
    app = AppTest.from_file(str(APP), default_timeout=240)
    app.secrets = {"auth": AUTH} | ({"access": access} if access is not None else {})
    app.user = {"is_logged_in": email is not None} | ({"email": email} if email else {})
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def page_of(name, email, **query):
    app = app_of(email, **query)
    return app if name == "start" else app.switch_page(f"pages/{name}/page.py").run()


def button(app, start):
    return next(each for each in app.button if each.label.startswith(start))


def add(store, owner):
    config = RunConfig.make(data="digits", tree="digits", loss="simloss")
    return store.add([config], tree_library.load("digits"), owner=owner)[0]


def test_before_the_login_there_is_the_sign_in_screen_alone(store):
    add(store, "bob@x.edu")
    app = app_of()
    assert not app.exception
    assert [each.label for each in app.button] == ["Sign in"]
    assert [title.value for title in app.title] == ["hierapp"]
    assert "bob@x.edu" not in texts(app)


def test_each_provider_has_its_button():
    app = AppTest.from_file(str(APP))
    app.secrets = {"auth": {**AUTH, "google": {"client_id": "1"}, "school": {"client_id": "2"}}}
    app.user = {"is_logged_in": False}
    app.run()
    assert [each.label for each in app.button] == ["Sign in with google", "Sign in with school"]


def test_a_login_that_is_not_set_up_is_told_and_the_log_says_more(capfd):
    app = app_of(None)
    app.button[0].click().run()
    assert not app.exception
    assert "The login is not set up completely" in app.error[0].value
    assert "hierapp: " in capfd.readouterr().err


def test_whoever_logs_in_without_a_role_is_told_and_can_sign_out(store):
    add(store, "bob@x.edu")
    for access in (None, {"admins": ["ada@x.edu"]}):
        app = app_of("mallory@evil.org", access)
        assert [error.value for error in app.error] == [
            "mallory@evil.org has no role in this app; ask an admin for one."
        ]
        assert [each.label for each in app.button] == ["Sign out"]


@pytest.mark.parametrize("email", [None, "ada@x.edu"])
def test_a_policy_with_a_slip_lets_nobody_in(email, capfd):
    app = app_of(email, {"admins": "ada@x.edu"})
    assert "admins in [access] of the secrets" in texts(app)
    assert len(app.title) == 1
    assert app.title[0].value == "hierapp"
    app.run()
    assert capfd.readouterr().err.count("is not a list") == 1


def test_a_login_that_goes_while_the_app_runs_lets_nobody_in(store):
    app = app_of("vic@x.edu")
    app.secrets = {}
    app.run()
    assert "The login was removed from the secrets" in app.error[0].value
    assert not [each for each in app.button if each.label.startswith("Compare")]


def test_an_app_that_others_can_reach_says_why_it_does_not_serve(monkeypatch, capfd):
    import streamlit as st

    real = st.get_option
    monkeypatch.setattr(st, "get_option", lambda key: "0.0.0.0" if key == "server.address" else real(key))
    monkeypatch.delenv("HIERAPP_OPEN", raising=False)
    app = AppTest.from_file(str(APP), default_timeout=240).run()
    app.run()
    assert "no login and listens" in app.error[0].value
    assert not app.button
    assert capfd.readouterr().err.count("no login and listens") == 1
    monkeypatch.setenv("HIERAPP_OPEN", "1")
    assert button(AppTest.from_file(str(APP), default_timeout=240).run(), "Compare")


# Roles


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("email", ["ada@x.edu", "bob@x.edu", "vic@x.edu"])
def test_every_page_opens_for_every_role(name, email, store):
    add(store, "bob@x.edu")
    app = page_of(name, email)
    assert not app.exception
    assert not app.error


@pytest.mark.slow
def test_a_viewer_has_no_button_that_changes_anything(store):
    add(store, "bob@x.edu")
    draft = Draft.begin(tree_library.load("digits"), "A draft", "digits")
    for name in PAGES:
        for query in ({}, {"draft": draft.id}) if name == "studio" else ({},):
            app = page_of(name, "vic@x.edu", **query)
            usable = {each.label for each in app.button if not each.disabled}
            assert usable <= {"Close", "Open in the studio", "Add all listed runs", "Choose none"}, name


def test_a_viewer_who_opens_something_in_the_studio_is_told(home):
    app = page_of("studio", "vic@x.edu")
    button(app, "Open in the studio").click().run()
    assert "not draw trees" in app.error[0].value
    assert not (home / "drafts").exists()


def test_a_button_that_a_page_shows_by_mistake_still_changes_nothing(store, monkeypatch):
    """The buttons are a courtesy: with all of them shown, what is forbidden ends in a sentence."""
    monkeypatch.setattr(Actions, "may_change", lambda self, owner: True)
    run = add(store, "bob@x.edu")
    app = page_of("runs", "vic@x.edu", runs=[run])
    app.button(key=f"cancel-{run}").click().run()
    assert not app.exception
    assert "may not cancel runs" in app.error[0].value
    assert store.run(run).state == "queued"


def test_a_runner_sees_whose_a_run_is_and_cancels_their_own(store):
    of_bob, of_eve, of_nobody = add(store, "bob@x.edu"), add(store, "eve@x.edu"), add(store, None)
    app = page_of("runs", "bob@x.edu", runs=[of_bob, of_eve, of_nobody])
    assert app.dataframe[0].value["owner"].tolist() == ["command line", "eve@x.edu", "bob@x.edu"]
    assert not app.button(key=f"cancel-{of_bob}").disabled
    assert app.button(key=f"cancel-{of_eve}").disabled
    assert app.button(key=f"cancel-{of_nobody}").disabled
    app.button(key=f"cancel-{of_bob}").click().run()
    assert [run.state for run in store.runs()] == ["cancelled", "queued", "queued"]


def test_one_owner_alone_is_not_worth_a_column(store):
    add(store, "bob@x.edu")
    assert "owner" not in page_of("runs", "bob@x.edu").dataframe[0].value.columns


def test_an_admin_cancels_everybodys(store):
    add(store, "bob@x.edu"), add(store, None)
    app = page_of("runs", "ada@x.edu", runs=["1", "2"])
    app.button(key="cancel-all").click().run()
    assert {run.state for run in store.runs()} == {"cancelled"}


def test_a_runner_starts_runs_that_are_theirs_within_the_limits(store):
    app = app_of("bob@x.edu")
    button(app, "Compare").click().run()
    assert "50 epochs here, but 100" in app.error[0].value
    assert store.runs() == []
    app = page_of("train", "bob@x.edu", data="digits", loss=["simloss"])
    button(app, "Start 1 run").click().run()
    assert not app.exception
    assert [run.owner for run in store.runs()] == ["bob@x.edu"]


def test_rights_that_are_taken_away_are_gone_with_the_next_click(store):
    app = page_of("train", "bob@x.edu", data="digits", loss=["simloss"])
    start = button(app, "Start 1 run")
    assert not start.disabled
    app.secrets = {"auth": AUTH, "access": {**ACCESS, "runners": []}}
    start.click().run()
    assert store.runs() == []
    assert button(app, "Start 1 run").disabled


def test_an_upload_above_the_limit_is_told(home):
    app = page_of("trees", "bob@x.edu")
    app.file_uploader(key="upload").upload("t.csv", b"parent,child\n" * 100, "text/csv").run()
    assert "0.001 MB" in app.error[0].value


def test_the_account_says_who_one_is_and_what_one_may_do():
    def account():
        from pages.shared import auth

        auth.account()

    app = AppTest.from_function(account)
    app.secrets, app.user = {"auth": AUTH, "access": ACCESS}, {"is_logged_in": True, "email": "Bob@x.edu"}
    app.run()
    assert app.text[0].value == "Signed in as bob@x.edu, runner."
    assert "At most 50 epochs per run, 0.001 MB per uploaded file." in [text.value for text in app.text]
    button(app, "Sign out").click().run()
    assert app.user.get("is_logged_in") is False


@pytest.mark.slow
def test_nothing_of_a_login_is_imported_without_one():
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"AppTest.from_file({str(APP)!r}, default_timeout=240).run()\n"
        "assert 'authlib' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
