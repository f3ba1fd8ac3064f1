"""The command line: `tenure`, the front door to everything else."""

from serving.cli.main import main

__all__ = ["main"]
