"""Fingerprint modules of the EF01 family: see README.md here."""
