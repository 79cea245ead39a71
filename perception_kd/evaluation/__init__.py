"""How pre-training is judged."""
