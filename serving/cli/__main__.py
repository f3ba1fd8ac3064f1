"""`python -m serving.cli` is `tenure`."""

from serving.cli.main import main

main()
