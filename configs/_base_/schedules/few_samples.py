"""Changes to the short schedule for epochs of five steps.

They protect pre-trained weights during such a short warm-up.
"""

few_samples_optim_wrapper = dict(optimizer=dict(lr=2e-3))
few_samples_scheduler = [
    dict(type="LinearLR", start_factor=0.1, end=10, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", begin=10, convert_to_iter_based=True),
]
