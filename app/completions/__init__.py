"""Chat completions: from an OpenAI-compatible provider into a message, as a task of this node."""
