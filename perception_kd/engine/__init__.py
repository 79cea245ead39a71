"""Launch, distributed start, optimizers and hooks of trainings and tests."""
