"""The data sets that ship, one file each.

To add one, add a file that assigns a `Dataset` to DATASET, and for a new format its reader: it is then on the pages, on
the command line, in the table of the documentation and in the parametrized tests.
"""
