"""Small fake data sets in the original layouts, for tests.

Images, points and labels show the same street, so that networks can learn from them.
"""

from tests.fake_data.nuscenes import make_nuscenes
from tests.fake_data.semantickitti import make_semantickitti

__all__ = ["make_nuscenes", "make_semantickitti"]
