"""From the pinned packages to the committed weights; runs in its own environment, see README.md."""
