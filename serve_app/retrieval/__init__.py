"""Finding what a stored transcript says about a question."""
