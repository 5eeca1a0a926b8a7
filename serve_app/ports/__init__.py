"""What the product needs from models, stores and machinery, as Protocols. Nothing but a SpeechError crosses a port."""
