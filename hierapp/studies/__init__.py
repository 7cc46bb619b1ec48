"""Studies: a question, the runs that answer it, and verdicts by tests that were fixed before the runs.

A study is a TOML file (`spec`). `planning` turns it into configurations: tuning runs, judged on validation only, and
then a run for each seed with the chosen values. `progress` finds or queues them, `collect` reads their stored outputs
with every decoder into a CSV file (`rows`), and `verdicts` and `tables` are computed from that file alone.
docs/protocol.md has the rules.
"""

__all__ = ["collect", "library", "planning", "progress", "rows", "spec", "tables", "verdicts"]
