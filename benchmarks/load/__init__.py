"""`hark bench load`: arrivals that wait for nobody."""
