"""The scheduler's connection to a Ray cluster: join it, create the store actor, list the nodes, manage workers."""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hierapp import paths
from hierapp.errors import ConfigError, HierappError, StoreError
from hierapp.execution.ray import ready
from hierapp.execution.ray.store_actor import TOKEN, Node, StoreActor
from hierapp.runs import Store
from hierapp.utils import processes

ANSWER_SECONDS = 60.0  # for an answer of the store actor, whose process may have to start first
AGAIN_SECONDS = 5.0  # between attempts to reach a cluster
FRESH_SECONDS = 0.5  # how long an answer of the cluster is cached
STORE_ACTORS = "store-"


class Unreachable(HierappError):  # noqa: N818 - a temporary state of the network
    """The cluster cannot be reached or rejects this store; the message says what to do."""


class Cluster:
    """The connection of one store to a cluster, joined when first needed and again after it was lost.

    Args:
        store: the store of the runs.
        chosen: the cluster, as returned by `settings.chosen`.

    Raises:
        Unreachable: from every call.
    """

    def __init__(self, store: Store, chosen: str) -> None:
        self.store, self.chosen = store, chosen
        # One namespace per store, because several stores can use one cluster. It includes which folder that is now,
        # because a copy may have taken the place of one that was moved away.
        place = f"{store.folder} {processes.folder_identity(store.folder)}"
        self.namespace = f"hierapp-{hashlib.sha256(place.encode()).hexdigest()[:16]}"
        self._store_actor: Any = None
        self._version = ""
        self._tried, self._trouble = -AGAIN_SECONDS, ""
        self._nodes: tuple[float, list[Node]] = (0.0, [])
        self._actors: tuple[float, set[str]] = (0.0, set())

    def nodes(self) -> list[Node]:
        """Return the nodes of the cluster."""
        told, nodes = self._nodes
        if time.monotonic() - told > FRESH_SECONDS:
            with self._reached() as store_actor:
                nodes = ray.get(store_actor.nodes.remote(), timeout=ANSWER_SECONDS)
            self._nodes = (time.monotonic(), nodes)
        return nodes

    def actors(self) -> set[str]:
        """Return the names of the store's actors that live or wait for their place."""
        told, names = self._actors
        if time.monotonic() - told > FRESH_SECONDS:
            with self._reached():
                every: list[dict[str, str]] = ray.util.list_named_actors(all_namespaces=True)
            names = {actor["name"] for actor in every if actor["namespace"] == self.namespace}
            self._actors = (time.monotonic(), names)
        return names

    def start(self, name: str, kind: type, job: Any, node: Node, cpus: float, gpus: float) -> Any:
        """Start an actor on a node and return its handle; it outlives the scheduler and is not restarted."""
        with self._reached() as store_actor:
            remote: Any = ray.remote(kind)
            on_node = remote.options(
                name=name,
                namespace=self.namespace,
                lifetime="detached",
                num_cpus=cpus,
                num_gpus=gpus,
                max_restarts=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
            )
            handle = on_node.remote(store_actor, job)
        self._actors[1].add(name)
        return handle

    def handle(self, name: str) -> Any:
        """Return the handle of an actor; None if it no longer exists."""
        # Ray asserts that it knows the class of an actor, which it may have forgotten when the job of the actor ended.
        with self._reached(), suppress(ValueError, AssertionError):
            return ray.get_actor(name, namespace=self.namespace)
        return None

    def death(self, handle: Any) -> str:
        """Return Ray's description of why an actor died."""
        with self._reached():
            try:
                ray.get(handle.__ray_ready__.remote(), timeout=ANSWER_SECONDS)
            except RayActorError as error:
                return str(error)
        return ""

    def kill(self, name: str) -> None:
        """End an actor at once."""
        handle = self.handle(name)
        if handle is not None:
            with self._reached():
                ray.kill(handle, no_restart=True)

    def close(self) -> None:
        """Remove the store's actors and leave the cluster."""
        if self._store_actor is not None:
            with suppress(Unreachable):
                for name in self.actors():
                    self.kill(name)
        self._leave()

    @contextmanager
    def _reached(self) -> Iterator[Any]:
        """Join the cluster if necessary and yield the store actor; raise errors of the cluster as Unreachable."""
        if self._store_actor is None:
            self._join()
        try:
            yield self._store_actor
        except ActorDiedError as error:
            self._store_actor = None  # created again by the next call
            raise Unreachable(f"The Ray actor that writes the store in {self.store.folder} is gone.") from error
        except RayTaskError as error:
            raise error.cause if isinstance(error.cause, HierappError) else error from None
        except (RayError, ConnectionError, TimeoutError, OSError) as error:
            self._leave()
            raise Unreachable(
                f"The Ray cluster ({self.chosen}) is no longer reachable; check that it is running."
            ) from error

    def _join(self) -> None:
        if time.monotonic() - self._tried < AGAIN_SECONDS:
            raise Unreachable(self._trouble)
        self._tried = time.monotonic()
        try:
            if not ray.is_initialized():
                self._connect()
            self._store_actor = self._make_store_actor()
        except (ConfigError, StoreError) as error:
            self._trouble = str(error)
            raise Unreachable(self._trouble) from error
        except (RayError, ConnectionError, TimeoutError, OSError, RuntimeError) as error:
            self._leave()
            first = (str(error).splitlines() or [""])[0]
            self._trouble = f"The Ray cluster ({self.chosen}) cannot be joined ({first}); check that it is running."
            raise Unreachable(self._trouble) from error

    def _connect(self) -> None:
        """Join the cluster with a copy of this code, which Ray sends to every node."""
        address = ready.address(self.chosen)
        with tempfile.TemporaryDirectory(prefix="hierapp-code-") as name:
            ignore = shutil.ignore_patterns("__pycache__", "_app")
            shutil.copytree(paths.package_folder(), Path(name) / "hierapp", ignore=ignore)
            shutil.copytree(paths.shipped_trees(), Path(name) / "trees", ignore=ignore)
            ray.init(
                address,
                namespace=self.namespace,
                runtime_env={"working_dir": name},
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            self._version = _hash_of(Path(name))

    def _make_store_actor(self) -> Any:
        """Return the store actor of this code version, created if necessary; check that it writes this store."""
        token = self.store.setting(TOKEN)
        if token is None:
            token = secrets.token_hex(16)
            self.store.set_setting(TOKEN, token)
        # This machine, or the one that runs the server of Ray Client.
        here = ray.get_runtime_context().get_node_id()
        remote: Any = ray.remote(StoreActor)
        on_node = remote.options(
            name=f"{STORE_ACTORS}{self._version}",
            namespace=self.namespace,
            get_if_exists=True,
            lifetime="detached",
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
        )
        store_actor = on_node.remote(str(self.store.folder), str(paths.data_folder().absolute()))
        try:
            ray.get(store_actor.check.remote(token, processes.machine()), timeout=ANSWER_SECONDS)
        except RayTaskError as error:
            ray.kill(store_actor)
            raise error.cause if isinstance(error.cause, HierappError) else error from None
        return store_actor

    def _leave(self) -> None:
        self._store_actor = None
        with suppress(RayError, ConnectionError, OSError):
            ray.shutdown()


def _hash_of(folder: Path) -> str:
    found = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            found.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:12]
