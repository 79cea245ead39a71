"""Pictures for the eye: pairs of points and pixels, similarities."""

from perception_kd.visualization.pairs import draw_sample, draw_view
from perception_kd.visualization.similarity import draw_similarity, similarity_to_point

__all__ = ["draw_sample", "draw_similarity", "draw_view", "similarity_to_point"]
