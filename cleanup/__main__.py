"""`python -m cleanup` is the `b24-cleanup` command."""

from cleanup.cli import main

main()
