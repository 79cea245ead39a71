"""A teacher that has run once: crops and its features come from a cache.

A config lists the pre-training that it changes first in ``_base_``, then this file, and
names the cache, which ``tools/create_data.py teacher --config`` makes with that config.
Sizes of the crops are those of the steps that are replaced.
"""

stored_train = dict(load_images=None, flip_images=None)
stored_val = dict(load_images=None)
stored_crops = dict(type="StoredCrops", num_crops=4)
whole_images = dict(type="StoredCrops", num_crops=0)
