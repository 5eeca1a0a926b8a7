"""What a user would run instead: each peer in a process of its own, on the same weights and threads."""
