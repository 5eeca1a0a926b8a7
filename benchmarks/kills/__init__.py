"""`hark bench kills`: jobs while their service is killed piece by piece."""
