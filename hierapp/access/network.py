"""Whether the app serves at all: without a login only to its own machine, unless someone said otherwise.

Told from how the server was started and how a visit came in; knows nothing of persons.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

OPEN = "HIERAPP_OPEN"
# What a proxy adds when it hands on somebody else's visit.
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
HOW_TO = f"set up a login (docs/access.md), or set {OPEN}=1 if everyone who can reach it may do everything"


@dataclass(frozen=True)
class Visit:
    """How the server was started, and what one visit says of itself.

    Attributes:
        login: whether the secrets have `[auth]`.
        policy: whether they have `[access]`.
        address: what the server is bound to; None or "" is every network of the machine.
        xsrf, cors: whether Streamlit's protections are on.
        user_headers: headers that Streamlit takes a person's name from.
        headers: those of the visit, with names in small letters.
    """

    login: bool
    policy: bool
    address: str | None
    xsrf: bool = True
    cors: bool = True
    user_headers: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(visit: Visit) -> str | None:
    """The sentence with which the visit is refused; None if it is let in, to the login where there is one."""
    local, opened = is_local(visit.address), os.environ.get(OPEN) == "1"
    if visit.login and visit.user_headers:
        return (
            "There is a login, and Streamlit is also told to take persons from headers, which anyone can send; remove"
            " server.trustedUserHeaders."
        )
    if not (visit.xsrf and visit.cors) and (visit.login or not local or opened):
        return (
            "Streamlit's protection against other sites' requests is turned off; turn server.enableXsrfProtection and"
            " server.enableCORS on again, or bind the app to localhost."
        )
    if visit.login:
        return None
    if visit.policy:
        return "The secrets have [access] but no [auth], so that nobody can log in; add [auth] or remove [access]."
    if opened:
        return None
    if not local:
        return f"This app has no login and listens to more than this machine: bind it to localhost, {HOW_TO}."
    if any(name in visit.headers for name in FORWARDED) or not is_local(_host(visit.headers.get("host", "localhost"))):
        return f"This app has no login and was reached by way of another name or a proxy: {HOW_TO}."
    return None


def is_local(address: str | None) -> bool:
    """Whether only this machine can reach an address.

    >>> is_local("127.0.0.1"), is_local("0.0.0.0"), is_local(None)
    (True, False, False)
    """
    name = (address or "").strip("[]").rstrip(".").lower()
    if name.startswith("unix://") or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _host(header: str) -> str | None:
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None
