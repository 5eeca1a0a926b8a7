"""`python -m benchmarks.language`: how fast a language model writes and lets go, and whether it keeps to schemas."""
