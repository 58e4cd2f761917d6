"""Errors of provisioning, sorted by what the person at the bench can do."""

from __future__ import annotations


class ProvisioningError(Exception):
    """Root of this package's errors: what is wrong and where, in one sentence.

    Attributes:
        advice: what to do about it.
    """

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


class BadValueError(ProvisioningError):
    """A name, host, number or PIN that cannot be used: give another one. The value itself may be a secret."""


class AlreadyThereError(ProvisioningError):
    """Something of that name is there already; provisioning replaces nothing."""


class SiteUnusableError(ProvisioningError):
    """The site's folder, or a unit's, is damaged or not what it should be: mend or restore it first."""
