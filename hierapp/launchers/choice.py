"""Where runs go, this machine or a Ray cluster, and how often those that were interrupted are resumed."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from hierapp.errors import ConfigError, short
from hierapp.store import Store

LOCAL, RAY = "local", "ray"
VARIABLE = "HIERAPP_LAUNCHER"
MOST_RETRIES = 10
# A cluster loses machines as a matter of course; one's own machine does so for a reason worth a look.
DEFAULT_RETRIES = {LOCAL: 0, RAY: 3}

SHARE_VARIABLE = "HIERAPP_SHARE_GPU"

_SETTING, _LAST_RAY, _RETRIES, _SHARE = "launcher", "launcher.ray", "retries", "gpu.share"


def chosen(store: Store) -> str:
    """Where runs go: HIERAPP_LAUNCHER, else what was chosen, else "local".

    Returns:
        "local"; "ray", the cluster that this machine finds by itself; or "ray://host:port".

    Raises:
        ConfigError: if it is none of these.
    """
    return _checked(os.environ.get(VARIABLE, "").strip() or store.setting(_SETTING) or LOCAL)


def choose(store: Store, value: str) -> None:
    """Keep where runs go.

    Raises:
        ConfigError: if it is not "local", "ray" or "ray://host:port"; what was kept before stays.
    """
    wanted = _checked(value.strip())
    store.set_setting(_SETTING, wanted)
    if wanted != LOCAL:
        store.set_setting(_LAST_RAY, wanted)


def is_fixed() -> bool:
    """Whether HIERAPP_LAUNCHER decides, so that a choice would change nothing."""
    return bool(os.environ.get(VARIABLE, "").strip())


def kind_of(value: str) -> str:
    """ "local" or "ray", whatever the cluster's address."""
    return LOCAL if value == LOCAL else RAY


def last_ray(store: Store) -> str:
    """The cluster that was chosen last, so that its address is not typed again; "ray" if none was."""
    return store.setting(_LAST_RAY) or RAY


def ray_at(address: str) -> str:
    """The choice of a cluster by its address as it is typed: "" finds it by itself, "ray://" may be left out.

    >>> ray_at("head:10001"), ray_at("")
    ('ray://head:10001', 'ray')
    """
    typed = address.strip()
    return f"ray://{typed.removeprefix('ray://')}" if typed else RAY


def retries(store: Store) -> int:
    """How often an interrupted run is resumed by itself: what was set, else 0 on this machine and 3 on a cluster.

    Raises:
        ConfigError: if what is kept is not from 0 to 10, or HIERAPP_LAUNCHER is no launcher.
    """
    kept = store.setting(_RETRIES)
    return DEFAULT_RETRIES[kind_of(chosen(store))] if kept is None else _checked_retries(kept)


def set_retries(store: Store, count: int) -> None:
    """Keep how often an interrupted run is resumed by itself.

    Raises:
        ConfigError: if it is not from 0 to 10.
    """
    store.set_setting(_RETRIES, str(_checked_retries(str(count))))


def shares_gpu(store: Store) -> bool:
    """Whether one process trains all runs of a GPU (`gpu_worker`) rather than one process each: HIERAPP_SHARE_GPU ("1"
    or "0"), else what was set, else not.

    Raises:
        ConfigError: if HIERAPP_SHARE_GPU is neither.
    """
    given = os.environ.get(SHARE_VARIABLE, "").strip()
    if given not in ("", "0", "1"):
        raise ConfigError(f"Expected {SHARE_VARIABLE} to be 0 or 1 but got {short(given)}.")
    return (given or store.setting(_SHARE)) == "1"


def set_shares_gpu(store: Store, on: bool) -> None:
    """Keep whether one process trains all runs of a GPU."""
    store.set_setting(_SHARE, str(int(on)))


def is_sharing_fixed() -> bool:
    """Whether HIERAPP_SHARE_GPU decides, so that a setting would change nothing."""
    return bool(os.environ.get(SHARE_VARIABLE, "").strip())


def _checked(value: str) -> str:
    if value in (LOCAL, RAY):
        return value
    try:
        parts = urlsplit(value)
        whole = value.startswith("ray://") and bool(parts.hostname and parts.port) and parts.username is None
        extra = parts.path.strip("/") or parts.query or parts.fragment
    except ValueError:  # a port that is no number, or brackets that do not close
        whole, extra = False, ""
    if not whole or extra or any(letter.isspace() for letter in value):
        raise ConfigError(
            f"Expected the launcher to be local, ray or ray://host:port but got {short(value)}; Ray's usual port is"
            " 10001."
        )
    return value.rstrip("/")


def _checked_retries(given: str) -> int:
    if not given.isdecimal() or int(given) > MOST_RETRIES:
        raise ConfigError(f"Expected the number of retries to be from 0 to {MOST_RETRIES} but got {given!r}.")
    return int(given)
