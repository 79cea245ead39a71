"""Small made-up data sets in the true layouts, for tests.

Images, points and labels show the same street, so that training on them can learn.
"""

from tests.fake_data.nuscenes import make_nuscenes
from tests.fake_data.semantickitti import make_semantickitti

__all__ = ["make_nuscenes", "make_semantickitti"]
