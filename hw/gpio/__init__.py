"""The Pi's own pins: door, button and lamp of a unit without co-processor; the lines that flash a co-processor."""
