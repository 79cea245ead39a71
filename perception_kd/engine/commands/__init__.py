"""What the command-line tools share: their options and how they run."""
