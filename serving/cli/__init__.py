"""The command line: `tenure`, the front door to everything else."""

import sys

try:
    from serving.cli.main import main
except KeyboardInterrupt:  # importing takes a second or two, in which somebody may think better of it
    print("tenure: stopped.", file=sys.stderr)
    sys.exit(130)

__all__ = ["main"]
