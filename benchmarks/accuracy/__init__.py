"""`hark bench accuracy`: how many words and speakers are right, beside the peers."""
