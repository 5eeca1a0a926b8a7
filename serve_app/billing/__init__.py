"""Credits: what work costs. Pure arithmetic; the ledger itself is a store."""
