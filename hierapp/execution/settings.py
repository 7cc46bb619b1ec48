"""Settings: where runs are executed (this machine or a Ray cluster), and automatic retries of interrupted runs."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from hierapp.errors import ConfigError, short
from hierapp.runs import Store

LOCAL, RAY = "local", "ray"
VARIABLE = "HIERAPP_LAUNCHER"
MOST_RETRIES = 10
# Clusters lose machines routinely; on your own machine an interruption has a cause that should be examined.
DEFAULT_RETRIES = {LOCAL: 0, RAY: 3}

SHARE_VARIABLE = "HIERAPP_SHARE_GPU"
ADDRESS_VARIABLE = "HIERAPP_PUBLIC_URL"

_SETTING, _LAST_RAY, _RETRIES, _SHARE = "launcher", "launcher.ray", "retries", "gpu.share"
_ADDRESS = "address"


def chosen(store: Store) -> str:
    """Return where runs are executed: HIERAPP_LAUNCHER, else the stored choice, else "local".

    Returns:
        "local"; "ray" for the cluster of this machine, found automatically; or "ray://host:port".

    Raises:
        ConfigError: if it is none of these.
    """
    return _checked(os.environ.get(VARIABLE, "").strip() or store.setting(_SETTING) or LOCAL)


def choose(store: Store, value: str) -> None:
    """Store the choice of where runs are executed.

    Raises:
        ConfigError: if it is not "local", "ray" or "ray://host:port"; the stored choice does not change.
    """
    wanted = _checked(value.strip())
    store.set_setting(_SETTING, wanted)
    if wanted != LOCAL:
        store.set_setting(_LAST_RAY, wanted)


def is_fixed() -> bool:
    """Return whether HIERAPP_LAUNCHER is set, which overrides the stored choice."""
    return bool(os.environ.get(VARIABLE, "").strip())


def kind_of(value: str) -> str:
    """Return the kind of launcher, "local" or "ray", for any cluster address."""
    return LOCAL if value == LOCAL else RAY


def last_ray(store: Store) -> str:
    """Return the cluster that was chosen last, so that you need not enter its address again; "ray" if none was."""
    return store.setting(_LAST_RAY) or RAY


def ray_at(address: str) -> str:
    """Return the choice for a cluster address as entered: "" for automatic discovery; "ray://" may be omitted.

    >>> ray_at("head:10001"), ray_at("")
    ('ray://head:10001', 'ray')
    """
    typed = address.strip()
    return f"ray://{typed.removeprefix('ray://')}" if typed else RAY


def retries(store: Store) -> int:
    """Return the number of automatic retries of an interrupted run: as set, else 0 on this machine and 3 on a cluster.

    Raises:
        ConfigError: if the stored value is not from 0 to 10, or HIERAPP_LAUNCHER is not a valid launcher.
    """
    kept = store.setting(_RETRIES)
    return DEFAULT_RETRIES[kind_of(chosen(store))] if kept is None else _checked_retries(kept)


def set_retries(store: Store, count: int) -> None:
    """Store the number of automatic retries of an interrupted run.

    Raises:
        ConfigError: if it is not from 0 to 10.
    """
    store.set_setting(_RETRIES, str(_checked_retries(str(count))))


def shares_gpu(store: Store) -> bool:
    """Return whether one process trains all runs of a GPU (`gpu_worker`) instead of one process per run:
    HIERAPP_SHARE_GPU ("1" or "0"), else the stored setting, else False.

    Raises:
        ConfigError: if HIERAPP_SHARE_GPU is neither "1" nor "0".
    """
    given = os.environ.get(SHARE_VARIABLE, "").strip()
    if given not in ("", "0", "1"):
        raise ConfigError(f"Expected {SHARE_VARIABLE} to be 0 or 1 but got {short(given)}.")
    return (given or store.setting(_SHARE)) == "1"


def set_shares_gpu(store: Store, on: bool) -> None:
    """Store whether one process trains all runs of a GPU."""
    store.set_setting(_SHARE, str(int(on)))


def is_sharing_fixed() -> bool:
    """Return whether HIERAPP_SHARE_GPU is set, which overrides the stored setting."""
    return bool(os.environ.get(SHARE_VARIABLE, "").strip())


def public_address(store: Store) -> str:
    """Return the address at which others reach the app, for links: HIERAPP_PUBLIC_URL, else as set, else "".

    Raises:
        ConfigError: if HIERAPP_PUBLIC_URL is no address.
    """
    return _checked_address(os.environ.get(ADDRESS_VARIABLE, "").strip() or store.setting(_ADDRESS) or "")


def set_public_address(store: Store, address: str) -> None:
    """Store the address at which others reach the app; "" for none.

    Raises:
        ConfigError: if it is no address, such as https://labs.example.org/hierapp.
    """
    store.set_setting(_ADDRESS, _checked_address(address.strip()))


def is_address_fixed() -> bool:
    """Return whether HIERAPP_PUBLIC_URL is set, which overrides the stored address."""
    return bool(os.environ.get(ADDRESS_VARIABLE, "").strip())


def _checked_address(given: str) -> str:
    try:
        parts = urlsplit(given)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
        extra = parts.query or parts.fragment or (parts.port == 0)
    except ValueError:  # an invalid port, or unbalanced brackets
        is_whole, extra = False, ""
    if given and (not is_whole or extra or any(letter.isspace() or not letter.isprintable() for letter in given)):
        raise ConfigError(
            "Expected the public address to begin with http:// or https://, as in https://labs.example.org/hierapp, but"
            f" got {short(given)}."
        )
    return given.rstrip("/")


def _checked(value: str) -> str:
    if value in (LOCAL, RAY):
        return value
    try:
        parts = urlsplit(value)
        whole = value.startswith("ray://") and bool(parts.hostname and parts.port) and parts.username is None
        extra = parts.path.strip("/") or parts.query or parts.fragment
    except ValueError:  # an invalid port, or unbalanced brackets
        whole, extra = False, ""
    if not whole or extra or any(letter.isspace() for letter in value):
        raise ConfigError(
            f"Expected the launcher to be local, ray or ray://host:port but got {short(value)}; the default port of Ray"
            " is 10001."
        )
    return value.rstrip("/")


def _checked_retries(given: str) -> int:
    if not given.isdecimal() or int(given) > MOST_RETRIES:
        raise ConfigError(f"Expected the number of retries to be from 0 to {MOST_RETRIES} but got {given!r}.")
    return int(given)
