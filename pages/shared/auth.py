"""Access to the app: whether it serves at all, the current user, the sign-in screen and the account page."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAuthError, StreamlitSecretNotFoundError
from streamlit.navigation.page import Page

from hierapp.access import Person, Policy, Role
from hierapp.access.network import Visit, refusal
from hierapp.access.roles import LOCAL
from hierapp.errors import AccessError
from pages.shared.messages import escaped, show_error

# An editor may remove the secrets for a moment while it rewrites them: once there was a login, it stays required.
_login_seen = threading.Event()

UNREADABLE = "The secrets cannot be read, so nobody can sign in; see the log of the server."
MAY = {
    Role.VIEWER: "You may view everything.",
    Role.RUNNER: "You may start runs, control your own runs, and create and save trees.",
    Role.ADMIN: "You may do everything, including with the runs of others.",
}


class SignedOutError(AccessError):
    """A login is configured, and the user has not signed in."""


def person() -> Person:
    """Return the current user, by the secrets and the login at this moment.

    Raises:
        SignedOutError: if the user must sign in first.
        AccessError: if the app does not serve, or not this user.
    """
    try:
        secrets = _secrets()
        _check_visit(secrets)
        policy = Policy.parse(secrets.get("access"))
    except AccessError as error:
        _tell_operator(str(error))
        raise
    if "auth" not in secrets:
        return LOCAL
    claims = st.user.to_dict()
    if claims.get("is_logged_in") is not True:
        raise SignedOutError("You are not signed in; open the app's address again to sign in.")
    return policy.person(claims)


def navigate(menu: Mapping[str, Sequence[Page]]) -> Page:
    """Return the requested page, among those of the menu's sections and the account page.

    For a user without access, every address shows the reason.
    """
    blocking = blocking_page()
    if blocking:
        blocked = [
            st.Page(
                blocking,
                title="Sign in" if blocking is sign_in else "No access",
                url_path=page.url_path,
                default=not page.url_path,
            )
            for pages in menu.values()
            for page in pages
        ]
        return st.navigation(blocked, position="hidden")
    who = person()
    if who is LOCAL:
        return st.navigation(menu, position="top")
    name = escaped((who.email or "Account").partition("@")[0][:20])
    own = st.Page(account, title="Account", icon=":material/person:", url_path="account")
    *sections, (_, settings) = menu.items()
    return st.navigation(dict([*sections, (f":material/person: {name}", [*settings, own])]), position="top")


def blocking_page() -> Callable[[], None] | None:
    """Return what replaces every page for a user without access; None for a user with access."""
    try:
        person()
    except SignedOutError:
        return sign_in
    except AccessError as error:
        reason = str(error)
        return lambda: access_denied(reason)
    return None


def sign_in() -> None:
    """Show the sign-in screen, the only one before the login."""
    st.title("hierapp")
    st.markdown("Explore hierarchical losses over label trees: sign in to see the runs, or to start your own.")
    sections = {name: value for name, value in _secrets()["auth"].items() if isinstance(value, Mapping)}
    providers = [name for name, value in sections.items() if "client_id" in value]
    for provider in providers or [None]:
        label = f"Sign in with {provider}" if provider else "Sign in"
        if st.button(label, type="primary", icon=":material/login:", key=f"sign-in-{provider}"):
            try:
                st.login(provider)
            except StreamlitAuthError as error:
                _tell_operator(" ".join(str(error).split()))
                raise AccessError("The login is not set up completely; see the log of the server.") from None


def access_denied(reason: str) -> None:
    """Show why there is no access, and a sign-out button if the user is signed in."""
    st.title("hierapp")
    show_error(reason, icon=":material/lock:")
    if st.user.to_dict().get("is_logged_in"):
        sign_out()


def account() -> None:
    """Show the current user and a sign-out button."""
    who = person()
    st.title("Account")
    st.text(f"Signed in as {who.email or 'a user without a known e-mail'}, {who.role.word}.")
    st.text(MAY[who.role])
    limits = {
        "runs queued or running at a time": who.limits.waiting,
        "epochs per run": who.limits.epochs,
        "MB per uploaded file": who.limits.upload_mb,
    }
    given = [f"{most:,} {what}" for what, most in limits.items() if most is not None]
    if given and who.role == Role.RUNNER:
        st.text(f"At most {', '.join(given)}.")
    sign_out()


def sign_out() -> None:
    if st.button("Sign out", icon=":material/logout:", key="sign-out"):
        st.logout()


def _secrets() -> Mapping[str, Any]:
    """Return Streamlit's secrets; empty if there is no file. A file that cannot be read is an error."""
    try:
        return st.secrets.to_dict()
    except (StreamlitSecretNotFoundError, OSError, ValueError) as error:
        if getattr(error, "error_id", None) == "no-secrets-found":
            return {}
        _tell_operator(str(error))
        raise AccessError(UNREADABLE) from None


def _check_visit(secrets: Mapping[str, Any]) -> None:
    """Raise an AccessError if the app does not serve this visit."""
    if "auth" in secrets:
        _login_seen.set()
    elif _login_seen.is_set():
        raise AccessError(
            "The login was removed from the secrets; add [auth] again, or restart the app to run without a login."
        )
    reason = refusal(
        Visit(
            login="auth" in secrets,
            policy="access" in secrets,
            address=st.get_option("server.address"),
            xsrf=st.get_option("server.enableXsrfProtection"),
            cors=st.get_option("server.enableCORS"),
            user_headers=list(st.get_option("server.trustedUserHeaders") or ()),
            headers={name.lower(): value for name, value in st.context.headers.items()},
        )
    )
    if reason:
        raise AccessError(reason)


@functools.cache
def _tell_operator(reason: str) -> None:
    """Print the reason to the server's stderr, once."""
    print(f"hierapp: {reason}", file=sys.stderr, flush=True)
