"""Roles and limits by e-mail, from `[access]` in Streamlit's secrets.

A policy with any error is refused completely, so that a typing error admits nobody.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any

from hierapp.errors import AccessError, some

EVERYONE = "*"
SPECIAL = frozenset('()<>[]:;@\\,"' + string.whitespace)  # not allowed in an unquoted e-mail address by RFC 5322


class Role(IntEnum):
    """The role of a person; each role includes the permissions of the lower ones."""

    VIEWER = 1  # view
    RUNNER = 2  # and start runs, control their own runs, edit and store trees
    ADMIN = 3  # and control all runs and the queue

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Limits:
    """The limits of one runner; None means no limit.

    Attributes:
        waiting: the number of waiting and running runs.
        epochs: the epochs of a run.
        upload_mb: the size of an uploaded file, in millions of bytes.
    """

    waiting: int | None = None
    epochs: int | None = None
    upload_mb: float | None = None

    @classmethod
    def parse(cls, section: object) -> Limits:
        """Parse the section `[access.limits]`.

        Raises:
            AccessError: if it is not a table of positive numbers with the known names.
        """
        table = _table(section, "[access.limits]", [each.name for each in fields(cls)])
        for name, value in table.items():
            whole = name != "upload_mb"
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not value > 0:
                kind = "a whole number of 1 or more" if whole else "a number of megabytes above 0"
                raise AccessError(f"{name} in [access.limits] of the secrets is not {kind}; correct or remove it.")
        return cls(**table)


@dataclass(frozen=True)
class Person:
    """A person: the verified e-mail, if any, the role and the limits."""

    email: str | None
    role: Role
    limits: Limits = field(default_factory=Limits)

    def owns(self, owner: str | None) -> bool:
        """Return whether `owner` is this person; what has no owner belongs to nobody."""
        return self.email is not None and self.email == owner


# The only person of an app without a login, who controls the machine.
LOCAL = Person(None, Role.ADMIN)


@dataclass(frozen=True)
class Policy:
    """Roles by e-mail ("ada@x.edu"), by domain ("@x.edu"), or for all who log in ("*")."""

    admins: frozenset[str] = frozenset()
    runners: frozenset[str] = frozenset()
    viewers: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def parse(cls, section: object) -> Policy:
        """Parse the section `[access]` of the secrets; None gives a policy that admits nobody.

        Raises:
            AccessError: if any part of it is invalid.

        >>> Policy.parse({"runners": ["@x.edu"]}).role_of("Ada@X.edu")
        <Role.RUNNER: 2>
        """
        table = _table(section, "[access]", [each.name for each in fields(cls)])
        limits = Limits.parse(table.pop("limits", None))
        return cls(**{name: _patterns(name, entries) for name, entries in table.items()}, limits=limits)

    def role_of(self, email: str | None) -> Role | None:
        """Return the highest role of an e-mail; None if it has none.

        Without an e-mail the role is at most viewer, because runs need an owner.
        """
        if email is None:
            return Role.VIEWER if any(EVERYONE in who for who in (self.admins, self.runners, self.viewers)) else None
        known = normal(email)
        names = {known, "@" + known.rpartition("@")[2], EVERYONE}
        by_role = ((Role.ADMIN, self.admins), (Role.RUNNER, self.runners), (Role.VIEWER, self.viewers))
        return next((role for role, who in by_role if names & who), None)

    def person(self, claims: Mapping[str, Any]) -> Person:
        """Return the person for the claims of a login.

        Raises:
            AccessError: if the person has no role.
        """
        email = verified_email(claims)
        role = self.role_of(email)
        if role is None:
            raise AccessError(
                f"{email} has no role in this app; ask an admin for one."
                if email
                else "Your login has no verified e-mail address, and roles are assigned by e-mail; verify it with "
                "your login provider, or ask an admin of this app."
            )
        return Person(email, role, self.limits if role < Role.ADMIN else Limits())


def verified_email(claims: Mapping[str, Any]) -> str | None:
    """Return the normalized e-mail of a login; None if it is missing or explicitly not verified.

    >>> verified_email({"email": "Ada@X.edu", "email_verified": False})
    >>> verified_email({"email": "Ada@X.edu"})
    'ada@x.edu'
    """
    email = claims.get("email")
    # The claim may be missing, and some providers send it as a string.
    verified = str(claims.get("email_verified", True)).lower() == "true"
    return normal(email) if verified and isinstance(email, str) and _is_email(email) else None


def normal(email: str) -> str:
    """Return an e-mail normalized for comparison: A to Z in lower case.

    Other letters do not change: Unicode case mapping would merge different e-mails, such as the Kelvin sign and "k".
    """
    return "".join(letter.lower() if letter.isascii() else letter for letter in email)


def _is_email(text: str) -> bool:
    name, at, domain = text.rpartition("@")
    return bool(name and at and domain and text.isprintable()) and not SPECIAL & {*name, *domain}


def _table(section: object, name: str, known: list[str]) -> dict[str, Any]:
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise AccessError(f"{name} in the secrets is not a table; write {name} on a line, with its entries below it.")
    unknown = [str(key) for key in section if key not in known]
    if unknown:
        raise AccessError(f"{name} in the secrets has {some(unknown)}; expected only {', '.join(known)}.")
    return dict(section)


def _patterns(name: str, entries: object) -> frozenset[str]:
    if not isinstance(entries, list | tuple):
        raise AccessError(f'{name} in [access] of the secrets is not a list; write {name} = ["ada@x.edu", "@x.edu"].')
    for number, entry in enumerate(entries, 1):
        # The entry is not quoted, because anyone who opens the app sees the message.
        if not isinstance(entry, str) or not (entry == EVERYONE or _is_email("a" * entry.startswith("@") + entry)):
            raise AccessError(
                f"Entry {number} of {name} in [access] of the secrets is not an e-mail, a domain such as"
                ' "@x.edu" or "*"; correct or remove it.'
            )
        if EVERYONE in entry and entry != EVERYONE:
            raise AccessError(
                f'Entry {number} of {name} in [access] of the secrets has a "*" among other characters; write a'
                ' domain as "@x.edu".'
            )
    return frozenset(normal(entry) for entry in entries)
