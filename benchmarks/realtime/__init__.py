"""`hark bench realtime`: captions while they are spoken; a long session; a crowd."""
