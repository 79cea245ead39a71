"""Names and layouts of weights: what is known of other stacks, and translation."""
