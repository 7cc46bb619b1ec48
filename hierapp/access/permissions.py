"""The permission rules of all actions: roles, owners, limits."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from hierapp.access.roles import Person, Role
from hierapp.errors import AccessError
from hierapp.runs import Run, Store
from hierapp.runs.states import OPEN_STATES
from hierapp.training import models
from hierapp.utils.text import pluralize

# Two simultaneous launches must not both count the runs before either adds its own.
COUNTING = threading.Lock()


class Rules:
    """The permissions of a person.

    Args:
        store: the store of runs.
        person: the person with their current role.
    """

    def __init__(self, store: Store, person: Person) -> None:
        self.store = store
        self.person = person

    # Questions for the pages

    @property
    def may_run(self) -> bool:
        """Whether the person may start runs, edit and store trees, and download data sets."""
        return self.person.role >= Role.RUNNER

    @property
    def may_steer(self) -> bool:
        """Whether the person may change everything, including the queue."""
        return self.person.role >= Role.ADMIN

    def may_change(self, owner: str | None) -> bool:
        """Return whether the person may change what belongs to `owner`."""
        return self.may_steer or (self.may_run and self.person.owns(owner))

    # The rules

    def need_admin(self, what: str) -> None:
        """Refuse a global change, such as "set how many runs go at once", unless the person is an admin."""
        if not self.may_steer:
            raise AccessError(f"Only admins may {what}; ask an admin.")

    def check_code(self, used: Iterable[str]) -> None:
        """Refuse networks that are code of a user's own, as module:factory, unless the person is an admin."""
        if any(models.is_own(model) for model in used):
            self.need_admin("run custom code as a model")

    def _need_runner(self, what: str) -> None:
        if not self.may_run:
            raise AccessError(f"Viewers may not {what}; ask an admin for the role runner.")

    def _own(self, run: str, what: str) -> Run:
        """Return the run if the person may change it."""
        self._need_runner(f"{what} runs")
        found = self.store.run(run)
        if not self.may_change(found.owner):
            raise AccessError(f"Run {run} belongs to {whom(found.owner)}; ask them or an admin to {what} it.")
        return found

    def _check_epochs(self, wanted: int) -> None:
        most = self.person.limits.epochs
        if most is not None and wanted > most:
            raise AccessError(
                f"A run may have at most {pluralize(most, 'epoch')} here, but {wanted:,} were requested; choose fewer."
            )

    def need_room(self, more: int) -> None:
        """Refuse `more` new runs if they exceed the limit. Held runs count."""
        most = self.person.limits.waiting
        if most is None:
            return
        open_now = sum(self.person.owns(run.owner) for run in self.store.runs(states=OPEN_STATES))
        if open_now + more > most:
            raise AccessError(
                f"You may have at most {pluralize(most, 'run')} waiting or running; {open_now:,} are, and {more:,} more"
                " exceed the limit: wait until some end, cancel some, or start fewer."
            )


def whom(owner: str | None) -> str:
    return owner or "the command line"
