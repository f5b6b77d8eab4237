"""The benchmark: us beside our peers, in the same run. `make bench`; see bench/README.md."""
