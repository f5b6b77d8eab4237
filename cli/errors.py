"""How a command says that it failed."""


class CommandError(Exception):
    """A command cannot do what it was asked. `str(error)` is one line; the exit code is 1."""
