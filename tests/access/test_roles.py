"""Roles and limits, and whether the app serves at all."""

import string
import tomllib

import pytest
from hypothesis import given, strategies as st

from hierapp.access import Limits, Person, Policy, Role
from hierapp.access.network import OPEN, Visit, is_local, refusal
from hierapp.access.roles import LOCAL, normal, verified_email
from hierapp.errors import AccessError

POLICY = Policy.parse(
    tomllib.loads(
        """
        admins = ["Ada@X.edu"]
        runners = ["@x.edu", "guest@y.org"]
        viewers = ["*"]
        [limits]
        waiting = 4
        epochs = 50
        upload_mb = 0.5
        """
    )
)


@pytest.mark.parametrize(
    ("email", "role"),
    [
        ("ada@x.edu", Role.ADMIN),
        ("ADA@x.EDU", Role.ADMIN),
        ("bob@x.edu", Role.RUNNER),
        ("bob@sub.x.edu", Role.VIEWER),
        ("bob@notx.edu", Role.VIEWER),
        ("ada@x.edu@evil.org", Role.VIEWER),
        ("guest@y.org", Role.RUNNER),
        ("host@y.org", Role.VIEWER),
        (None, Role.VIEWER),
    ],
)
def test_the_highest_role_that_an_email_or_its_domain_has_counts(email, role):
    assert POLICY.role_of(email) == role


def test_without_a_policy_nobody_who_logs_in_has_a_role():
    assert Policy.parse(None) == Policy.parse({}) == Policy()
    assert Policy().role_of("ada@x.edu") is None
    assert Policy().role_of(None) is None
    with pytest.raises(AccessError, match=r"ada@x\.edu has no role"):
        Policy().person({"email": "ada@x.edu"})


@pytest.mark.parametrize("verified", [False, "false", None, 0, "no"])
def test_an_email_that_is_not_verified_gives_no_role(verified):
    claims = {"email": "ada@x.edu", "email_verified": verified}
    assert POLICY.person(claims) == Person(None, Role.VIEWER, POLICY.limits)  # as everybody
    with pytest.raises(AccessError, match="no verified e-mail"):
        Policy.parse({"admins": ["ada@x.edu"]}).person(claims)


@pytest.mark.parametrize("claims", [{"email_verified": True}, {"email_verified": "true"}, {}])
def test_an_email_is_taken_as_verified_if_the_login_says_so_or_nothing(claims):
    assert POLICY.person({"email": "Ada@x.edu", **claims}) == Person("ada@x.edu", Role.ADMIN)


@pytest.mark.parametrize(
    "email", [None, 7, "", "ada", "@x.edu", "ada@", "a da@x.edu", "ada@x.edu\n", "a@b@x.edu", "[a](b)@x.edu", 5.0]
)
def test_what_is_no_email_is_none(email):
    assert verified_email({"email": email}) is None


def test_whoever_has_no_email_can_look_at_most_even_where_everyone_is_an_admin():
    policy = Policy.parse({"admins": ["*"]})
    assert policy.role_of(None) == Role.VIEWER
    assert policy.role_of("bob@z.net") == Role.ADMIN


def test_limits_are_for_runners():
    assert POLICY.person({"email": "bob@x.edu"}).limits == Limits(waiting=4, epochs=50, upload_mb=0.5)
    assert POLICY.person({"email": "ada@x.edu"}).limits == Limits()


def test_letters_that_unicode_takes_for_others_do_not_make_one_email_of_two():
    kelvin = "\u212aate@x.edu"
    assert kelvin.lower() == "kate@x.edu"
    assert Policy.parse({"admins": ["kate@x.edu"]}).role_of(kelvin) is None


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("viewer", "not a table"),
        ([], "not a table"),
        ({"admin": ["ada@x.edu"]}, "has 'admin'; expected only admins, runners, viewers, limits"),
        ({"admins": "ada@x.edu"}, "not a list"),
        ({"admins": {"ada@x.edu": True}}, "not a list"),
        ({"admins": ["ada@x.edu", "x.edu"]}, "Entry 2 of admins"),
        ({"admins": [""]}, "Entry 1 of admins"),
        ({"admins": [7]}, "Entry 1 of admins"),
        ({"admins": ["@"]}, "Entry 1 of admins"),
        ({"admins": ["@x@y.edu"]}, "Entry 1 of admins"),
        ({"admins": ["*@x.edu"]}, 'has a "*" among'),
        ({"limits": 3}, "not a table"),
        ({"limits": {"runs": 3}}, "expected only waiting, epochs, upload_mb"),
        ({"limits": {"waiting": 0}}, "1 or more"),
        ({"limits": {"waiting": True}}, "1 or more"),
        ({"limits": {"epochs": 1.5}}, "1 or more"),
        ({"limits": {"epochs": "5"}}, "1 or more"),
        ({"limits": {"upload_mb": -1}}, "above 0"),
        ({"limits": {"upload_mb": float("nan")}}, "above 0"),
    ],
)
def test_a_policy_with_a_slip_is_refused_as_a_whole_in_one_sentence(section, words):
    with pytest.raises(AccessError) as refused:
        Policy.parse(section)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_refused_policy_names_no_email():
    with pytest.raises(AccessError) as refused:
        Policy.parse({"admins": ["love lace@x.edu"]})
    assert "lace" not in str(refused.value)


TOML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["*", "@x.edu"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["admins", "runners", "viewers", "limits", "waiting", "epochs", "upload_mb", "x"]), inner
        )
    ),
    max_leaves=12,
)


@given(TOML)
def test_any_section_is_a_policy_or_an_access_error(section):
    said = ""
    try:
        policy = Policy.parse(section)
    except AccessError as error:
        policy, said = Policy(), str(error)
    assert "\n" not in said
    assert policy.limits.waiting is None or policy.limits.waiting >= 1


@given(st.dictionaries(st.sampled_from(["email", "email_verified", "sub"]), TOML))
def test_no_claims_whatever_make_a_runner_of_whom_the_policy_does_not_name(claims):
    policy = Policy.parse({"admins": ["ada@x.edu"], "runners": ["@y.edu"], "viewers": ["*"]})
    assert policy.person(claims).role == Role.VIEWER


@given(st.text(string.ascii_letters + ".", min_size=1), st.text(string.ascii_letters, min_size=1))
def test_the_case_of_an_email_does_not_matter(name, domain):
    email = f"{name}@{domain}"
    policy = Policy.parse({"runners": [email.swapcase()]})
    assert policy.role_of(email) == policy.role_of(normal(email)) == Role.RUNNER


def test_what_has_no_owner_belongs_to_nobody():
    assert not LOCAL.owns(None)
    assert not Person(None, Role.VIEWER).owns("ada@x.edu")
    assert Person("ada@x.edu", Role.RUNNER).owns("ada@x.edu")


# The gate


@pytest.fixture(autouse=True)
def closed(monkeypatch):
    monkeypatch.delenv(OPEN, raising=False)


def visit(address="localhost", **named):
    return Visit(**{"login": False, "policy": False, "address": address, **named})


@pytest.mark.parametrize(
    "address", ["localhost", "127.0.0.1", "127.8.0.1", "::1", "LOCALHOST.", "unix:///run/app.sock"]
)
def test_an_app_of_this_machine_serves_without_a_login(address):
    assert is_local(address)
    assert refusal(visit(address)) is None


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "192.168.1.5", "example.org", "localhost.example.org"])
def test_an_app_that_others_can_reach_needs_a_login_or_the_flag(address, monkeypatch):
    assert "no login and listens" in refusal(visit(address))
    assert refusal(visit(address, login=True)) is None
    monkeypatch.setenv(OPEN, "yes")
    assert refusal(visit(address)) is not None
    monkeypatch.setenv(OPEN, "1")
    assert refusal(visit(address)) is None


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example:8501"}, {"host": "[::2"}, {"host": "localhost", "x-forwarded-for": "8.8.8.8"}]
)
def test_another_name_or_a_proxy_is_no_way_around_the_gate(headers, monkeypatch):
    assert "a proxy" in refusal(visit(headers=headers))
    assert refusal(visit(headers=headers, login=True)) is None
    monkeypatch.setenv(OPEN, "1")
    assert refusal(visit(headers=headers)) is None


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1", "[::1]:8501", "hierapp.localhost"])
def test_the_names_of_this_machine_are_let_in(host):
    assert refusal(visit(headers={"host": host})) is None


@pytest.mark.parametrize("off", ["xsrf", "cors"])
def test_without_streamlits_protections_only_this_machine_is_served(off, monkeypatch):
    assert refusal(visit(**{off: False})) is None
    for elsewhere in (visit("0.0.0.0", login=True, **{off: False}), visit(login=True, **{off: False})):
        assert "cross-site requests" in refusal(elsewhere)
    monkeypatch.setenv(OPEN, "1")
    assert "cross-site requests" in refusal(visit("0.0.0.0", **{off: False}))


def test_a_policy_without_a_login_is_a_slip(monkeypatch):
    assert "[access] but no [auth]" in refusal(visit(policy=True))
    monkeypatch.setenv(OPEN, "1")
    assert "[access] but no [auth]" in refusal(visit(policy=True))


def test_a_login_that_headers_could_get_around_is_refused():
    assert "server.trustedUserHeaders" in refusal(visit(login=True, user_headers=["X-Email"]))


def test_the_shipped_configuration_binds_to_localhost_and_keeps_the_protections():
    from hierapp.paths import project_folder

    server = tomllib.loads((project_folder() / ".streamlit" / "config.toml").read_text())["server"]
    assert server["address"] == "localhost"
    assert server.get("enableXsrfProtection", True) is True
    assert server.get("enableCORS", True) is True
    assert "trustedUserHeaders" not in server
    assert not server.get("enableAgentApi", False)
    assert ".streamlit/secrets.toml" in (project_folder() / ".gitignore").read_text().splitlines()
