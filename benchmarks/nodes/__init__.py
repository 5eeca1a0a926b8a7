"""A service on three Ray nodes of this machine, under faults and under changes."""
