"""The lab's six stories, in order of presentation."""

from __future__ import annotations

from hierapp.errors import ConfigError
from hierapp.lab import stories_paths, stories_theory
from hierapp.lab.steps import Step, Story

STORIES: tuple[Story, ...] = (
    stories_paths.ONE_PATH,
    stories_paths.PUSHES,
    stories_paths.CAT_TRUCK,
    stories_theory.TREE_MATTERS,
    stories_theory.SECOND_TERM,
    stories_theory.CONVEX,
)


def story(story_id: str) -> Story:
    """Return the story with this id.

    Raises:
        ConfigError: if there is none.

    >>> story("cat-truck").title
    'The cat that became a truck'
    """
    for each in STORIES:
        if each.id == story_id:
            return each
    raise ConfigError(f"There is no story {story_id[:60]!r}; choose one of {', '.join(each.id for each in STORIES)}.")


def step(story_id: str, number: int) -> Step:
    """Return a step of a story, counted from 1.

    Raises:
        ConfigError: if there is no such story or step.
    """
    steps = story(story_id).steps
    if not 1 <= number <= len(steps):
        raise ConfigError(f"The story {story_id} has steps 1 to {len(steps)}; there is no step {number}.")
    return steps[number - 1]
