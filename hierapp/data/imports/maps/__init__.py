"""Data sets of pictures with label maps, a class for each pixel: folders, class tables, checks."""
