"""The command line. Nothing heavy is imported before a command needs it, so that --help is there at once."""

from reelscope.cli.app import main, run

__all__ = ["main", "run"]
