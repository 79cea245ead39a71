"""The synthetic data set, and settings shared by short trainings on it."""

synthetic = dict(data_root="data/synthetic", info_root="data/synthetic")
synthetic_loader = dict(batch_size=2, num_workers=1)
# A short training cannot learn streets of any orientation.
straight_streets = dict(rotate=dict(range_deg=(-10.0, 10.0)))
one_sweep = dict(load_points=dict(num_sweeps=1, random_sweeps=False))
