"""The servers that come along: a real Valkey and a real PostgreSQL for machines that have none set up.

A *lease* is a process's claim on the servers of a data folder. The first lease starts a small keeper process, which
starts the servers; when the last lease is gone the keeper stops them cleanly and ends. A killed process loses its lease
by the kernel closing its socket; a killed keeper takes its servers along (Linux) or the next one stops them first.
"""

from embedded.errors import EmbeddedError
from embedded.folder import passing_folder
from embedded.lease import Servers, hold, is_running, lease
from embedded.secret import development_secret

__all__ = ["EmbeddedError", "Servers", "development_secret", "hold", "is_running", "lease", "passing_folder"]
