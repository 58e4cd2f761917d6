"""Whether the face before the camera is alive: the checks of `models/liveness`, carried out on a running unit."""
