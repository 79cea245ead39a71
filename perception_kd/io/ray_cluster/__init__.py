"""Jobs and commands on a Ray cluster (extra ``cluster``)."""
