"""Actions on searches: the only way for pages to change them; see `actions`."""

from __future__ import annotations

from dataclasses import replace

from hierapp.access.permissions import COUNTING, Rules, whom
from hierapp.errors import AccessError
from hierapp.search import deletion, journal, runner
from hierapp.search.journal import Search
from hierapp.search.plan import Plan
from hierapp.utils.trash_folder import Item


class SearchActions(Rules):
    """The changes that a person can make to the searches of a store.

    Raises:
        AccessError: from every action that the person is not allowed to do; nothing is changed then.
    """

    def begin(self, plan: Plan) -> Search:
        """Start a search owned by the person, within their limits; also raises the errors of `runner.begin`."""
        self._need_runner("start searches")
        plan = replace(plan, owner=self.person.email, waiting=self.person.limits.waiting)
        self.check_code(plan.models)
        self._check_epochs(plan.epochs)
        with COUNTING:
            self.need_room(plan.at_once)
            return runner.begin(self.store, plan)

    def stop(self, name: str) -> None:
        """Stop a search of the person and end its runs."""
        runner.stop(self._own_search(name, "stop"))

    def delete(self, name: str) -> Item:
        """Move a search of the person and its runs to the trash, and return it there."""
        self._own_search(name, "delete")
        return deletion.delete(self.store, name)

    def resume(self, name: str) -> None:
        """Resume a search of the person."""
        search = self._own_search(name, "resume")
        self.check_code(search.plan.models)
        self._check_epochs(search.plan.epochs)
        runner.start(search)

    def _own_search(self, name: str, what: str) -> Search:
        self._need_runner(f"{what} searches")
        search = journal.find(self.store, name)
        if not self.may_change(search.plan.owner):
            raise AccessError(
                f"The search {name!r} belongs to {whom(search.plan.owner)}; ask them or an admin to {what} it."
            )
        return search
