"""Files: caches, info files, readers, atomic writes and worker processes."""
