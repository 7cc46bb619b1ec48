"""Everything that is to be proved and measured on a graphics card, in one command: `python -m benchmarks.gpu`."""
