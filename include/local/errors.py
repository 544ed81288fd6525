"""Errors of the local platform; each message says which part, why, and what to do."""


class PlatformError(RuntimeError):
    """The platform could not be brought up or down."""


class SecretsError(PlatformError):
    """The file of secrets cannot be used."""


class SupervisorError(PlatformError):
    """supervisord did not do what it was asked."""
