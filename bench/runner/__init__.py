"""The parts of bench/run: each measures with the programs of a build, and prints its tables."""
