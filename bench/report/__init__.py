"""What comes out: JSON with everything, Markdown tables, plots."""
