"""A plan as a picture: components as nested boxes, what is made first on the left."""

from infra.graph.svg import draw

__all__ = ["draw"]
