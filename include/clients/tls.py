"""Which certificate authorities the clients of the engines trust: ``DEVMLOPS_CA_BUNDLE``, or the system's."""

from __future__ import annotations

import ssl
from pathlib import Path

from include.errors import FinalError
from include.settings import Settings


class TlsError(FinalError, ValueError):
    """The file of certificate authorities cannot be used."""


def trusted(settings: Settings) -> ssl.SSLContext | None:
    """Return what a client checks a server's certificate by; None, the client's own way, where no bundle is named.

    Raises:
        TlsError: the bundle cannot be read or holds no certificate.
    """
    bundle = bundle_file(settings)
    return ssl.create_default_context(cafile=bundle) if bundle else None


def bundle_file(settings: Settings) -> str | None:
    """Return the path of the bundle, None where none is named.

    Raises:
        TlsError: the bundle cannot be read or holds no certificate.
    """
    bundle: Path | None = settings.ca_bundle
    if bundle is None:
        return None
    try:
        ssl.create_default_context(cafile=str(bundle))
    except (OSError, ssl.SSLError) as cause:
        reason = cause.strerror or "it holds no certificate in PEM form"
        raise TlsError(f"DEVMLOPS_CA_BUNDLE: {bundle} cannot be used: {reason}; name a file of PEM certificates") from cause
    return str(bundle)
