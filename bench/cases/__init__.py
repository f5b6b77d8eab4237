"""The cases: what is done to a target, a small file each."""
