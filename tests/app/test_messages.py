"""Texts in messages: commands are code, all else is shown verbatim."""

from __future__ import annotations

import doctest

from pages.shared import messages


def test_the_examples_hold():
    assert doctest.testmod(messages).failed == 0


def test_commands_that_messages_name_are_code():
    told = "install it with `pip install x_y`, not `x*y*`"
    assert messages.escaped(told) == r"install it with `pip install x_y`, not \`x\*y\*\`"
