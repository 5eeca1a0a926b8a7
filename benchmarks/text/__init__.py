"""`python -m benchmarks.text`: embeddings, finding what a meeting says, translation."""
