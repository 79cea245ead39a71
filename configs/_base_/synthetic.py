"""The synthetic data set, and what training on it in minutes has in common."""

synthetic = dict(data_root="data/synthetic", info_root="data/synthetic")
synthetic_loader = dict(batch_size=2, num_workers=1)
# Few steps: streets of any orientation cannot be learned in them.
straight_streets = dict(rotate=dict(range_deg=(-10.0, 10.0)))
one_sweep = dict(load_points=dict(num_sweeps=1))
