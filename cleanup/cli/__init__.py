"""The door: options in, text or JSON out, and the exit code. stdout is data, stderr is messages and progress."""

from cleanup.cli import ending, entering, local, reading, reporting  # each registers its verbs with the program
from cleanup.cli.app import app, main

__all__ = ["app", "ending", "entering", "local", "main", "reading", "reporting"]
