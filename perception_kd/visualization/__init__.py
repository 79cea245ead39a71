"""Pictures for the eye: pairs of points and pixels, similarities, boxes."""

from perception_kd.visualization.boxes import draw_boxes_sample
from perception_kd.visualization.pairs import draw_sample, draw_view
from perception_kd.visualization.similarity import draw_similarity, similarity_to_point

__all__ = [
    "draw_boxes_sample",
    "draw_sample",
    "draw_similarity",
    "draw_view",
    "similarity_to_point",
]
