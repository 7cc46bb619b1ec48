"""Runs on a Ray cluster: nothing but this package imports ray."""
