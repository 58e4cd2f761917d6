"""Who may use the embedded broker: amqtt's plug-in, loaded by name."""

# amqtt has no annotations, and demands the base class.
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session


class CertificateHolders(BaseAuthPlugin):
    """Everyone the TLS listener let in: it has checked the certificate already.

    Not amqtt's own plug-in for anonymous clients, because that marks their sessions as anonymous, and amqtt forgets
    those at the disconnection: a receipt sent while the unit is away would be lost.
    """

    async def authenticate(self, *, session: Session) -> bool | None:
        """Whether ``session`` came over TLS with a client certificate."""
        return session.ssl_object is not None and session.ssl_object.getpeercert(binary_form=True) is not None
