"""What users see: the official client, from its connect to its last event, on real nodes."""
