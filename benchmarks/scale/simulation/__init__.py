"""The real pipeline over simulated deployments, on a clock that jumps."""
