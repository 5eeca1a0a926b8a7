"""Text features on real models: which facts they state, and what they state that is none."""
