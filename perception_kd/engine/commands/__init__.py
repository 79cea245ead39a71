"""What the command-line tools share: options, errors in one line, signals."""
