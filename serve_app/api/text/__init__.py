"""What can be asked about texts: embeddings, translations, summaries, analyses, and new texts made of them."""
