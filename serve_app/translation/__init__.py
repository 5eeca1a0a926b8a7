"""Texts and transcripts in other languages, whoever translates."""
