"""What a document with a long history costs: its fold, joins, and reconnects. `python -m bench.documents`."""
