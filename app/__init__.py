"""The node: Starlette and Socket.IO in front of the room log."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("roomlog")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+source"
