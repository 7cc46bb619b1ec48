"""The networks, one file each.

To add one, add a file that assigns a `ModelEntry` to MODEL: it is then on the Train and Search pages, on the command
line, in the table of the documentation and in the parametrized tests. Import torch inside functions.
"""
