"""What is left of a person after her checks: in files, and in the memory of the unit, its camera and the browser."""
