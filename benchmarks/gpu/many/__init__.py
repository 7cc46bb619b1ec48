"""The parts of `benchmarks.gpu.many_runs`."""
