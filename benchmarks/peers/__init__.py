"""`hark bench peers`: clips that come together, at Hark and at plain servers in turns."""
