"""What ``python -m include.data`` can do: one file a subject, each adding its commands to the parser."""
