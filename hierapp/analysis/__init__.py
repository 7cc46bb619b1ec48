"""What finished runs say: tables, groups by configuration, comparisons, confusion over the tree."""
