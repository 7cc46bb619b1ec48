"""Access control: roles and limits, network rules, and the actions through which the pages change anything."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.access.actions import Actions
    from hierapp.access.roles import Limits, Person, Policy, Role
else:
    from hierapp.utils.lazy import names_on_first_use

    __getattr__ = names_on_first_use(
        __name__, {"actions": ["Actions"], "roles": ["Limits", "Person", "Policy", "Role"]}
    )

__all__ = ["Actions", "Limits", "Person", "Policy", "Role", "actions", "network", "roles"]
