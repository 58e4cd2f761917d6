"""Numbers about a picture: numpy arrays in, dataclasses out. Start at `models.face.FaceModels`; see README.md."""
