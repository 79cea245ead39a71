"""A lock of what the process must finish before it ends at a second signal."""

import threading

# Reentrant, since a signal's handler may do the same again in the middle of it.
FINISH = threading.RLock()
