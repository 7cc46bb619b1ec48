"""A scheduler's connection to a Ray cluster: joining it, the store actor, the machines, and workers by their names."""

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

ANSWER_SECONDS = 60.0  # for the store actor; its first answer comes after its process has started
AGAIN_SECONDS = 5.0  # between tries to reach a cluster
FRESH_SECONDS = 0.5  # so long what the cluster told is not asked again
STORE_ACTORS = "store-"


class Unreachable(HierappError):  # noqa: N818 - a state of the network, which passes
    """The cluster cannot be reached, or will not have this store; says what to do."""


class Cluster:
    """The cluster as one store sees it, joined when it is first needed and again when it was lost.

    Args:
        store: whose runs they are.
        chosen: which cluster, as `settings.chosen` tells it.

    Raises:
        Unreachable: from every call.
    """

    def __init__(self, store: Store, chosen: str) -> None:
        self.store, self.chosen = store, chosen
        # One a store: others on the same cluster have theirs.
        self.namespace = f"hierapp-{hashlib.sha256(str(store.folder).encode()).hexdigest()[:16]}"
        self._store_actor: Any = None
        self._version = ""
        self._tried, self._trouble = -AGAIN_SECONDS, ""
        self._nodes: tuple[float, list[Node]] = (0.0, [])
        self._actors: tuple[float, set[str]] = (0.0, set())

    def nodes(self) -> list[Node]:
        """The machines that are there."""
        told, nodes = self._nodes
        if time.monotonic() - told > FRESH_SECONDS:
            with self._reached() as store_actor:
                nodes = ray.get(store_actor.nodes.remote(), timeout=ANSWER_SECONDS)
            self._nodes = (time.monotonic(), nodes)
        return nodes

    def actors(self) -> set[str]:
        """The names of the store's actors that live, or wait for their place."""
        told, names = self._actors
        if time.monotonic() - told > FRESH_SECONDS:
            with self._reached():
                every: list[dict[str, str]] = ray.util.list_named_actors(all_namespaces=True)
            names = {actor["name"] for actor in every if actor["namespace"] == self.namespace}
            self._actors = (time.monotonic(), names)
        return names

    def start(self, name: str, kind: type, job: Any, node: Node, cpus: float, gpus: float) -> Any:
        """Start an actor on a node, which outlives the scheduler and is not started again; its handle."""
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
        """The handle of an actor; None if there is none any more."""
        with self._reached(), suppress(ValueError):
            return ray.get_actor(name, namespace=self.namespace)
        return None

    def death(self, handle: Any) -> str:
        """Why an actor died, in Ray's words."""
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
        """Remove the store's actors, and leave."""
        if self._store_actor is not None:
            with suppress(Unreachable):
                for name in self.actors():
                    self.kill(name)
        self._leave()

    @contextmanager
    def _reached(self) -> Iterator[Any]:
        """The store actor, with the cluster joined; what goes wrong meanwhile is told as Unreachable."""
        if self._store_actor is None:
            self._join()
        try:
            yield self._store_actor
        except ActorDiedError as error:
            self._store_actor = None  # made anew at the next call
            raise Unreachable(f"The Ray actor that writes the store in {self.store.folder} is gone.") from error
        except RayTaskError as error:
            raise error.cause if isinstance(error.cause, HierappError) else error from None
        except (RayError, ConnectionError, TimeoutError, OSError) as error:
            self._leave()
            raise Unreachable(
                f"The Ray cluster ({self.chosen}) cannot be reached any more; see whether it runs."
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
            self._trouble = f"The Ray cluster ({self.chosen}) cannot be joined ({first}); see whether it runs."
            raise Unreachable(self._trouble) from error

    def _connect(self) -> None:
        """Join the cluster with a copy of this code, which goes to every node."""
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
        """The store actor, made if there is none of this code's version; it is sure to write this store."""
        token = self.store.setting(TOKEN)
        if token is None:
            token = secrets.token_hex(16)
            self.store.set_setting(TOKEN, token)
        # This machine, or the one at which Ray Client's server runs.
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
