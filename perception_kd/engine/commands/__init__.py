"""Options and start of the command-line tools."""
