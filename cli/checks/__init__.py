"""What `roomlog check` looks at, one part a file. Nothing here writes to a server."""
