"""What is in deploy/, run: nginx, Valkey's users, the Dockerfile's steps."""
