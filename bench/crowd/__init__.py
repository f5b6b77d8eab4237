"""The load client: a crowd of Socket.IO clients in one process, which costs little and counts exactly."""
