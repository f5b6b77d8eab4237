"""What nodes and workers tell of themselves: metrics, log lines, traces."""
