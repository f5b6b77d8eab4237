"""The workers: they fold the log into PostgreSQL and trim it behind themselves. Any number may run."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("roomlog")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+source"
