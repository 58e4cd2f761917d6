"""Is the face before the camera alive? Independent checks, numbers in, one `CheckResult` each; `fusion` decides."""
