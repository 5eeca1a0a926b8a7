"""Who speaks when: pyannote's community-1 models, run once over the audio, and our own clustering of the voices."""
