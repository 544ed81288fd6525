"""Word dictionaries: words with tag, weight and replacement, kept as rounds, each name with versions of its own.

`add_dictionary` keeps a new version, `load_dictionary` does so from where project.yaml says, `join_dictionaries` makes
one out of several, `dictionary` gives a version back as a `Dictionary` that parts texts into tokens,
`compare_dictionaries` tells two apart and `restore_dictionary` writes one to a folder.
"""

from include.data.dictionaries.entries import DictionaryError, Entry
from include.data.dictionaries.files import load_dictionary, read_entries
from include.data.dictionaries.store import add_dictionary, join_dictionaries
from include.data.dictionaries.stored import dictionary, list_dictionaries
from include.data.dictionaries.views import compare_dictionaries, restore_dictionary
from include.data.dictionaries.words import Dictionary, Token

__all__ = [
    "Dictionary",
    "DictionaryError",
    "Entry",
    "Token",
    "add_dictionary",
    "compare_dictionaries",
    "dictionary",
    "join_dictionaries",
    "list_dictionaries",
    "load_dictionary",
    "read_entries",
    "restore_dictionary",
]
