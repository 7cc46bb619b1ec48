"""Who may change what, for all actions: roles, owners, limits."""

from __future__ import annotations

import threading

from hierapp.access.roles import Person, Role
from hierapp.errors import AccessError
from hierapp.runs import Run, Store
from hierapp.runs.states import OPEN_STATES
from hierapp.utils.text import pluralize

# Two clicks at once must not each count the runs before the other's are there.
COUNTING = threading.Lock()


class Rules:
    """What a person may do.

    Args:
        store: the runs.
        person: who asks, as they are now.
    """

    def __init__(self, store: Store, person: Person) -> None:
        self.store = store
        self.person = person

    # What may be shown

    @property
    def may_run(self) -> bool:
        """Whether they may start runs, draw and keep trees, get data sets."""
        return self.person.role >= Role.RUNNER

    @property
    def may_steer(self) -> bool:
        """Whether everything is theirs to change, the queue too."""
        return self.person.role >= Role.ADMIN

    def may_change(self, owner: str | None) -> bool:
        """Whether they may change what belongs to `owner`."""
        return self.may_steer or (self.may_run and self.person.owns(owner))

    # The rules

    def need_admin(self, what: str) -> None:
        """Refuse a change that concerns everybody, as "set how many runs go at once", to all but admins."""
        if not self.may_steer:
            raise AccessError(f"Only an admin may {what}; ask one.")

    def _need_runner(self, what: str) -> None:
        if not self.may_run:
            raise AccessError(f"You may look here but not {what}; ask an admin to make you a runner.")

    def _own(self, run: str, what: str) -> Run:
        """The run, if it is theirs to change."""
        self._need_runner(f"{what} runs")
        found = self.store.run(run)
        if not self.may_change(found.owner):
            raise AccessError(f"Run {run} belongs to {whom(found.owner)}; ask them or an admin to {what} it.")
        return found

    def _check_epochs(self, wanted: int) -> None:
        most = self.person.limits.epochs
        if most is not None and wanted > most:
            raise AccessError(
                f"A run may have {pluralize(most, 'epoch')} here, and {wanted:,} were asked for; take fewer."
            )

    def need_room(self, more: int) -> None:
        """Refuse so many more runs if they do not fit under the limit. Held ones count: they hold a place."""
        most = self.person.limits.waiting
        if most is None:
            return
        open_now = sum(self.person.owns(run.owner) for run in self.store.runs(states=OPEN_STATES))
        if open_now + more > most:
            raise AccessError(
                f"You may have {pluralize(most, 'run')} waiting or running here; {open_now:,} are, and {more:,} more"
                " are too many: wait for some to end, cancel some, or ask for fewer."
            )


def whom(owner: str | None) -> str:
    return owner or "the command line"
