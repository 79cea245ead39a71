"""Evaluation of pre-trained and fine-tuned networks."""
