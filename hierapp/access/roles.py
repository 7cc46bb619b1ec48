"""Who may do what: roles and limits by e-mail, as `[access]` in Streamlit's secrets says them.

A policy that is not understood as a whole is refused as a whole, so that a slip of the pen lets nobody in.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any

from hierapp.errors import AccessError, some

EVERYONE = "*"
SPECIAL = frozenset('()<>[]:;@\\,"' + string.whitespace)  # what RFC 5322 has no place for in a plain e-mail


class Role(IntEnum):
    """What a person may do; each role may do what the ones below it may."""

    VIEWER = 1  # look
    RUNNER = 2  # and start runs, steer their own, draw and keep trees
    ADMIN = 3  # and steer everybody's, and the queue

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Limits:
    """What one runner may have; None is no limit.

    Attributes:
        waiting: runs that wait or run at a time.
        epochs: epochs of a run.
        upload_mb: size of an uploaded file, in millions of bytes.
    """

    waiting: int | None = None
    epochs: int | None = None
    upload_mb: float | None = None

    @classmethod
    def parse(cls, section: object) -> Limits:
        """Limits as `[access.limits]` says them.

        Raises:
            AccessError: if it is no table of positive numbers under the known names.
        """
        table = _table(section, "[access.limits]", [each.name for each in fields(cls)])
        for name, value in table.items():
            whole = name != "upload_mb"
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not value > 0:
                kind = "a whole number from 1 on" if whole else "a number of megabytes above 0"
                raise AccessError(f"{name} in [access.limits] of the secrets is not {kind}; mend it or leave it out.")
        return cls(**table)


@dataclass(frozen=True)
class Person:
    """Who asks: an e-mail that is known to be theirs, if any, what they may do, and how much of it."""

    email: str | None
    role: Role
    limits: Limits = field(default_factory=Limits)

    def owns(self, owner: str | None) -> bool:
        """Whether what belongs to `owner` is theirs; what has no owner belongs to nobody."""
        return self.email is not None and self.email == owner


# The one person of an app without a login, who has the machine anyway.
LOCAL = Person(None, Role.ADMIN)


@dataclass(frozen=True)
class Policy:
    """Roles by e-mail ("ada@x.edu"), by domain ("@x.edu"), or for everyone who logs in ("*")."""

    admins: frozenset[str] = frozenset()
    runners: frozenset[str] = frozenset()
    viewers: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def parse(cls, section: object) -> Policy:
        """The policy that stands under `[access]` in the secrets; None is one that lets nobody in.

        Raises:
            AccessError: if any of it is not understood.

        >>> Policy.parse({"runners": ["@x.edu"]}).role_of("Ada@X.edu")
        <Role.RUNNER: 2>
        """
        table = _table(section, "[access]", [each.name for each in fields(cls)])
        limits = Limits.parse(table.pop("limits", None))
        return cls(**{name: _patterns(name, entries) for name, entries in table.items()}, limits=limits)

    def role_of(self, email: str | None) -> Role | None:
        """The highest role of an e-mail; None if it has none.

        Everyone may look at most, if no e-mail is known: runs need an owner.
        """
        if email is None:
            return Role.VIEWER if any(EVERYONE in who for who in (self.admins, self.runners, self.viewers)) else None
        known = normal(email)
        names = {known, "@" + known.rpartition("@")[2], EVERYONE}
        by_role = ((Role.ADMIN, self.admins), (Role.RUNNER, self.runners), (Role.VIEWER, self.viewers))
        return next((role for role, who in by_role if names & who), None)

    def person(self, claims: Mapping[str, Any]) -> Person:
        """Who logged in, by what the login says of them.

        Raises:
            AccessError: if they have no role.
        """
        email = verified_email(claims)
        role = self.role_of(email)
        if role is None:
            raise AccessError(
                f"{email} has no role here; ask an admin of this app for one."
                if email
                else "Your login names no e-mail that it has verified, and only known e-mails have a role here; verify"
                " it where you log in, or ask an admin of this app."
            )
        return Person(email, role, self.limits if role < Role.ADMIN else Limits())


def verified_email(claims: Mapping[str, Any]) -> str | None:
    """The e-mail of a login, as it is compared; None if there is none, or the login says that it is not verified.

    >>> verified_email({"email": "Ada@X.edu", "email_verified": False})
    >>> verified_email({"email": "Ada@X.edu"})
    'ada@x.edu'
    """
    email = claims.get("email")
    # The claim may be missing; some providers write it as a word.
    verified = str(claims.get("email_verified", True)).lower() == "true"
    return normal(email) if verified and isinstance(email, str) and _is_email(email) else None


def normal(email: str) -> str:
    """An e-mail as it is compared: without regard to the case of A to Z.

    Other letters stay as they are: case mappings of Unicode make one e-mail of two, the Kelvin sign and "k", say.
    """
    return "".join(letter.lower() if letter.isascii() else letter for letter in email)


def _is_email(text: str) -> bool:
    name, at, domain = text.rpartition("@")
    return bool(name and at and domain and text.isprintable()) and not SPECIAL & {*name, *domain}


def _table(section: object, name: str, known: list[str]) -> dict[str, Any]:
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise AccessError(f"{name} in the secrets is no table; write {name} on a line, and its entries below it.")
    unknown = [str(key) for key in section if key not in known]
    if unknown:
        raise AccessError(f"{name} in the secrets has {some(unknown)}; it may have {', '.join(known)}.")
    return dict(section)


def _patterns(name: str, entries: object) -> frozenset[str]:
    if not isinstance(entries, list | tuple):
        raise AccessError(f'{name} in [access] of the secrets is no list; write {name} = ["ada@x.edu", "@x.edu"].')
    for number, entry in enumerate(entries, 1):
        # Not quoted: the sentence is shown to whoever opens the app.
        if not isinstance(entry, str) or not (entry == EVERYONE or _is_email("a" * entry.startswith("@") + entry)):
            raise AccessError(
                f'Entry {number} of {name} in [access] of the secrets is no e-mail, no domain as "@x.edu" and not "*";'
                " mend it or leave it out."
            )
        if EVERYONE in entry and entry != EVERYONE:
            raise AccessError(
                f'Entry {number} of {name} in [access] of the secrets has a "*" among other letters; a domain is'
                ' written "@x.edu".'
            )
    return frozenset(normal(entry) for entry in entries)
