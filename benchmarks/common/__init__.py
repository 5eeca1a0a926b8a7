"""What several benchmarks need: clients, services of their own, recordings, scores, processes, reports."""
