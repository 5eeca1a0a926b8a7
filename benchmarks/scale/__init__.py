"""`hark bench scale`: more recognizers, real ones and simulated ones."""
