"""The command `lab`: parses, calls, shows, and nothing else."""
