"""Contents of a checkpoint besides weights, and changes that a resume allows."""
