"""The RP2040 beside the Pi: door relay, emergency button, tamper switch, light ring, buzzer, watchdog of the host."""
