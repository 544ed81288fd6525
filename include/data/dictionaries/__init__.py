"""Word dictionaries: words with tag, weight and replacement, kept as rounds, each name with versions of its own.

`add_dictionary` keeps a new version, `load_dictionary` does so from where project.yaml says, `join_dictionaries` makes
one out of several, `dictionary` gives a version back as a `Dictionary` that parts texts into tokens,
`compare_dictionaries` tells two apart and `restore_dictionary` writes one to a folder.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
