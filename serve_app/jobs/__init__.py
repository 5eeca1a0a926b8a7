"""Durable work: what a job is, which moves it may make, and in which order jobs run. No storage, no network."""
