"""The publisher: one process that emits marked events, paced or in a closed loop."""
