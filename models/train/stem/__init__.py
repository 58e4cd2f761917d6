"""Teach the embedder's first layers to answer for a chip photo as for the live picture."""
