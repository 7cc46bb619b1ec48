"""The actor on the store's machine that records what the workers in a Ray cluster send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray._private import state

from hierapp.data import registry as datasets
from hierapp.data.dataset import Part
from hierapp.errors import HierappError, StaleAttemptError, StoreError
from hierapp.execution.ray.outbox import Answer, Call
from hierapp.runs import Store
from hierapp.runs.states import OPEN_STATES
from hierapp.runs.store import number_of
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.utils import processes

TOKEN = "ray.token"  # noqa: S105 - the name of a setting; its value identifies a store and grants no access


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, with its total and free resources."""

    id: str
    host: str
    cpus: float
    gpus: float
    free_cpus: float
    free_gpus: float

    @property
    def name(self) -> str:
        """A unique name for display."""
        return f"{self.host} {self.id[:8]}"


class StoreActor:
    """One actor per store, which executes one call at a time; Ray restarts it if it dies.

    Args:
        folder: the folder of the store.
        data: the folder of the data sets, for nodes that do not have them.
    """

    def __init__(self, folder: str, data: str) -> None:
        self.store, self.data = Store(Path(folder), pinned=True), Path(data)
        self._images: dict[tuple[str, Part], Any] = {}

    def check(self, token: str, machine: str) -> None:
        """Check that this actor writes the scheduler's store, on the scheduler's machine.

        Raises:
            StoreError: if it does not.
        """
        if machine != processes.machine() or self.store.setting(TOKEN) != token:
            raise StoreError(
                f"The head of the Ray cluster is not the machine with the store in {self.store.folder}, and the store"
                " can be written on one machine only; run the app on the head, or let this machine join the cluster"
                " and choose the launcher ray without an address."
            )

    def nodes(self) -> list[Node]:
        """Return the current nodes of the cluster."""
        free = state.available_resources_per_node()  # type: ignore[no-untyped-call]
        return [
            Node(
                id=node["NodeID"],
                host=node["NodeManagerHostname"],
                cpus=node["Resources"].get("CPU", 0.0),
                gpus=node["Resources"].get("GPU", 0.0),
                free_cpus=free.get(node["NodeID"], {}).get("CPU", 0.0),
                free_gpus=free.get(node["NodeID"], {}).get("GPU", 0.0),
            )
            for node in ray.nodes()  # type: ignore[no-untyped-call]
            if node["Alive"]
        ]

    def tell(self, run: str, attempt: int, calls: Sequence[Call]) -> Answer:
        """Execute the calls of the worker of an attempt."""
        answer = carry_out(SQLiteRunWriter(self.store.database, number_of(run), attempt), calls)
        if any(name in ("finish", "end") for name, _ in calls):
            self._drop_images()
        return answer

    def images(self, name: str, part: Part) -> list[Any]:
        """Return a reference to a part of a data set in Ray's object store: inputs, labels, names and content hash.
        The part is stored once and remains while an open run uses the data set.

        Raises:
            DatasetError: if it is not on this machine either, or is corrupt.
        """
        if (name, part) not in self._images:
            found = datasets.load(name, part, self.data)
            self._images[name, part] = ray.put(
                (
                    found.images.numpy(),
                    found.labels.numpy(),
                    found.class_names,
                    found.content_hash,
                    found.coarse_names,
                )
            )
        return [self._images[name, part]]  # in a list, because Ray would resolve a bare reference

    def _drop_images(self) -> None:
        needed = {run.config.data for run in self.store.runs(states=OPEN_STATES)} if self._images else set()
        self._images = {key: kept for key, kept in self._images.items() if key[0] in needed}


def carry_out(writer: SQLiteRunWriter, calls: Sequence[Call]) -> Answer:
    """Execute calls up to the first one that fails; the calls before it remain in effect."""
    value = None
    for done, (name, arguments) in enumerate(calls):
        try:
            value = getattr(writer, name)(*arguments)
        except (HierappError, StaleAttemptError, OSError) as error:
            return Answer(done, error=error)
    return Answer(len(calls), value)
