"""Check that a Ray cluster is available before runs are queued, without joining it."""

from __future__ import annotations

import importlib.util
import os
import socket
from typing import Any
from urllib.parse import urlsplit

from hierapp.errors import ConfigError
from hierapp.utils import extras

ANSWER_SECONDS = 3.0
HERE = "ray"  # the choice for the cluster that includes this machine

# Set before Ray is first imported: otherwise Ray sends usage statistics of every cluster to its developers.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


def address(chosen: str) -> str:
    """Return the address of the cluster: "host:port" for the one that includes this machine, or "ray://host:port".

    Args:
        chosen: "ray" or "ray://host:port", as returned by `settings.chosen`.

    Raises:
        ConfigError: if Ray is not installed, or the cluster does not exist or does not answer.
    """
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(
            f"Runs on a Ray cluster need Ray, which is not installed; install it by `{extras.how_to_install('ray')}`,"
            " or run on this machine (launcher: local)."
        )
    found = _here() if chosen == HERE else chosen
    parts = urlsplit(found if "://" in found else f"//{found}")
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), ANSWER_SECONDS).close()
    except (OSError, ValueError):
        raise ConfigError(
            f"No Ray cluster responds at {found}; start one there with `ray start --head`, check the address and the"
            " network, or run on this machine (launcher: local)."
        ) from None
    return found


def _here() -> str:
    """Return the cluster that includes this machine, from RAY_ADDRESS or the running processes."""
    from ray._private import services

    find: Any = services.find_gcs_addresses

    if os.environ.get("RAY_ADDRESS", "").startswith("ray://"):
        return os.environ["RAY_ADDRESS"]
    find.cache_clear()  # the app may outlive a cluster
    try:
        return str(services.canonicalize_bootstrap_address_or_die("auto"))
    except (ConnectionError, ValueError):
        raise ConfigError(
            "This machine belongs to no Ray cluster, or to several; start one here with `ray start --head`, join one"
            " with `ray start --address=HOST:6379`, set RAY_ADDRESS, or run on this machine (launcher: local)."
        ) from None
