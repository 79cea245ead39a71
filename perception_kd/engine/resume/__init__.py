"""What a checkpoint holds beside weights, and what a resumed training may change."""
