"""Network rules: without a login, the app serves only its own machine unless configured otherwise.

The decision depends on the server's options and the headers of a visit, not on persons.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

OPEN = "HIERAPP_OPEN"
# Headers that a proxy adds to a visit from another machine.
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
HOW_TO = f"set up a login (docs/access.md), or set {OPEN}=1 to give everyone who can reach it full access"


@dataclass(frozen=True)
class Visit:
    """The options of the server and the headers of one visit.

    Attributes:
        login: whether the secrets contain `[auth]`.
        policy: whether the secrets contain `[access]`.
        address: the address that the server is bound to; None or "" means all networks of the machine.
        xsrf, cors: whether these protections of Streamlit are on.
        user_headers: the headers from which Streamlit reads the name of a person.
        headers: the headers of the visit, with names in lower case.
    """

    login: bool
    policy: bool
    address: str | None
    xsrf: bool = True
    cors: bool = True
    user_headers: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(visit: Visit) -> str | None:
    """Return the reason for which a visit is refused; None if it is admitted, to the login page if there is one."""
    local, opened = is_local(visit.address), os.environ.get(OPEN) == "1"
    if visit.login and visit.user_headers:
        return (
            "A login is configured, but Streamlit also accepts users from headers, which anyone can send; remove"
            " server.trustedUserHeaders."
        )
    if not (visit.xsrf and visit.cors) and (visit.login or not local or opened):
        return (
            "Streamlit's protection against cross-site requests is turned off; turn on server.enableXsrfProtection and"
            " server.enableCORS, or bind the app to localhost."
        )
    if visit.login:
        return None
    if visit.policy:
        return "The secrets contain [access] but no [auth], so nobody can log in; add [auth] or remove [access]."
    if opened:
        return None
    if not local:
        return f"This app has no login and listens on more than this machine: bind it to localhost, {HOW_TO}."
    if any(name in visit.headers for name in FORWARDED) or not is_local(_host(visit.headers.get("host", "localhost"))):
        return f"This app has no login and was reached by another host name or through a proxy: {HOW_TO}."
    return None


def is_local(address: str | None) -> bool:
    """Return whether only this machine can reach an address.

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
