"""AMG8833: 8 x 8 temperatures over I2C, a coarse sign of a warm face where a screen or a print would be cool."""
