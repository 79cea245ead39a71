"""What a checkpoint holds besides weights, and what a resumed training may change."""
