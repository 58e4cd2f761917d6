"""The unit: configuration, the check's state machine, outbox, MQTT link, kiosk and supervisor."""
