"""A teacher that has run once: crops and its features come from a cache.

A config lists the pre-training that it changes first in ``_base_``, then this file, and
takes its pipelines from ``stored``, by the name of the cache.
``tools/create_data.py teacher --config`` makes the cache with that config. Sizes of the
crops are those of the steps that are replaced.
"""

caches = {
    "efflite0": dict(cache="teacher/efflite0"),
    "efflite0_maps": dict(cache="teacher/efflite0_maps", stores="map"),
    "r50-mocov2": dict(cache="teacher/r50-mocov2"),
}
# Steps that replace those that load and change images, in training and validation.
stored = {
    name: dict(
        train=dict(
            load_images=None,
            flip_images=None,
            crop_images=dict(type="StoredCrops", num_crops=4, **cache),
        ),
        # No crop: whole images.
        val=dict(load_images=None, resize_images=dict(type="StoredCrops", num_crops=0, **cache)),
    )
    for name, cache in caches.items()
}
