"""What a text or a transcript says, in fewer words, by kind, or in another form; nothing that it does not say."""
