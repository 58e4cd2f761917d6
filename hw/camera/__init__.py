"""A camera in a process of its own: frames through shared memory, and every way to fail as an error within 2 s."""
