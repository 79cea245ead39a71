"""Scenes are a fixed function of the seed."""

import numpy as np
import pytest

from perception_kd.synthetic.world.scene import make_scene
from perception_kd.synthetic.world.settings import SyntheticSettings


# If these numbers change, increase FORMAT in perception_kd/synthetic/create.py: the
# same settings then give different data.
@pytest.mark.parametrize(
    ("number", "layout", "num_agents", "num_objects", "agents_sum", "ego"),
    [
        (0, "crossing", 48, 236, (-28.6571, -67.3278, 41.7404), (-6.0, -1.75)),
        (1, "straight", 48, 122, (-150.5120, 43.7456, 42.6078), (-5.0069, -1.75)),
        (2, "curve", 54, 118, (100.1474, -288.3752, 49.1191), (-5.1269, -5.4918)),
    ],
)
def test_seed_0_draws_the_same_scenes(
    number: int,
    layout: str,
    num_agents: int,
    num_objects: int,
    agents_sum: tuple[float, ...],
    ego: tuple[float, ...],
) -> None:
    scene = make_scene(SyntheticSettings(), number)
    assert scene.street.layout == layout
    assert (len(scene.agents), len(scene.objects)) == (num_agents, num_objects)
    positions = [agent.pose(1.0)[:3, 3] for agent in scene.agents]
    np.testing.assert_allclose(np.sum(positions, axis=0), agents_sum, atol=1e-3)
    np.testing.assert_allclose(scene.ego2world(2.0)[:2, 3], ego, atol=1e-3)
