from .entries import DictionaryError, Entry
from .files import load_dictionary, read_entries
from .store import add_dictionary, join_dictionaries
from .stored import dictionary, list_dictionaries
from .views import compare_dictionaries, restore_dictionary
from .words import Dictionary, Token

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
