"""Shared components, each registered by name and version (versions.json); heavy imports inside of functions alone."""
