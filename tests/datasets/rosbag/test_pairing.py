"""Pairs by nearest stamps, against a search through all of them."""

import random

import numpy as np
import pytest

from perception_kd.datasets.rosbag.decoding import Decoder
from perception_kd.datasets.rosbag.pairing import PairedSweep, Pairer, Stamped
from perception_kd.datasets.rosbag.storage import Message

MS = 10**6
DECODER = Decoder(is_ros1=False)


def stamped(stamp: int, recorded: int) -> Stamped:
    return Stamped(stamp, Message("", "", recorded, b"", DECODER))


def pair(
    events: list[tuple[int, str, int]],
    tolerance: int,
    every: int = 0,
    *,
    keeps_between: bool = False,
) -> tuple[list[PairedSweep], Pairer]:
    """Return the groups of events (recording time, sensor, stamp) in ms."""
    cameras = sorted({sensor for _, sensor, _ in events} - {"lidar"})
    pairer = Pairer(cameras, tolerance * MS, every * MS, keeps_between=keeps_between)
    groups = list[PairedSweep]()
    for recorded, sensor, stamp in sorted(events):
        item = stamped(stamp * MS, recorded * MS)
        if sensor == "lidar":
            pairer.add_sweep(item)
        else:
            pairer.add_image(sensor, item)
        groups += pairer.pop(lambda _: True)
    return [*groups, *pairer.pop(lambda _: True, at_end=True)], pairer


def as_ms(group: PairedSweep) -> dict[str, int]:
    return {camera: image.stamp // MS for camera, image in sorted(group.images.items())}


@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_those_of_a_full_search(seed: int) -> None:
    # Sensors with their own rates, jitter and delays of recording, some images lost.
    rng = random.Random(seed)
    stamps = {
        sensor: sorted({int(i * period + rng.uniform(0, 20)) for i in range(3000 // period)})
        for sensor, period in (("lidar", 100), ("front", 33), ("rear", 70))
    }
    stamps["rear"] = [x for x in stamps["rear"] if rng.random() > 0.3]
    delays = {"lidar": rng.choice([0, 120]), "front": rng.choice([5, 300]), "rear": 40}
    events = [(x + delays[sensor], sensor, x) for sensor, times in stamps.items() for x in times]
    groups, _ = pair(events, tolerance=25)
    assert [group.sweep.stamp // MS for group in groups] == stamps["lidar"]
    for group in groups:
        time = group.sweep.stamp // MS
        expected = {}
        for camera in ("front", "rear"):
            nearest = min(stamps[camera], key=lambda x: abs(x - time))
            if abs(nearest - time) <= 25:
                expected[camera] = nearest
        assert as_ms(group) == expected


def test_sweeps_are_at_least_so_far_apart() -> None:
    events = [(x, "lidar", x) for x in range(0, 1000, 100)]
    assert [x.sweep.stamp // MS for x in pair(events, 10, every=300)[0]] == [0, 300, 600, 900]
    # Those between may be kept, without images.
    events += [(x, "front", x) for x in range(0, 1000, 50)]
    groups, _ = pair(events, 10, every=300, keeps_between=True)
    assert [x.sweep.stamp // MS for x in groups] == [*range(0, 1000, 100)]
    assert [x.sweep.stamp // MS for x in groups if x.is_keyframe] == [0, 300, 600, 900]
    assert [x.sweep.stamp // MS for x in groups if x.images] == [0, 300, 600, 900]
    # A sweep a little early still counts.
    jittered = [(x, "lidar", x) for x in (0, 295, 600)]
    assert len(pair(jittered, 10, every=300)[0]) == 3


def test_a_camera_that_ends_does_not_hold_the_others_up() -> None:
    pairer = Pairer(["front"], 10 * MS, 0)
    pairer.add_image("front", stamped(0, 0))
    held = 0
    for time in range(0, 10_000, 100):
        pairer.add_sweep(stamped(time * MS, time * MS))
        held += 1 - len(list(pairer.pop(lambda _: True)))
    assert held <= 21  # 2 s at 10 Hz


def test_sweeps_in_disorder_are_left_out() -> None:
    groups, pairer = pair([(0, "lidar", 500), (1, "lidar", 500), (2, "lidar", 400)], 10)
    assert len(groups) == 1
    assert pairer.num_disordered == 2
    # A clock that is set back by more than that starts over.
    assert len(pair([(0, "lidar", 9000), (1, "lidar", 100)], 10)[0]) == 2


def test_images_of_other_clocks_are_forgotten() -> None:
    pairer = Pairer(["front"], 10 * MS, 0)
    sizes = []
    for time in range(0, 20_000, 100):
        pairer.add_sweep(stamped(time * MS, time * MS))
        pairer.add_image("front", stamped((time + 10**9) * MS, time * MS))
        list(pairer.pop(lambda _: True))
        sizes.append(len(pairer._recent["front"]))
    assert max(sizes[100:]) == max(sizes[50:100]) <= 21
    assert np.diff(sizes[100:]).max() <= 1
