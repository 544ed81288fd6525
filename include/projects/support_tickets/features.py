"""What drift is looked for in: a few numbers a text. numpy alone, 1.26 or newer."""

from __future__ import annotations

import unicodedata

import numpy as np

from include.projects.support_tickets.tokens import tokens

NAMES = ["characters", "tokens", "known_words", "hangul", "digits", "questions", "lines"]


def features(texts: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Describe texts by length, language and form.

    Args:
        texts: (n,) of str.

    Returns:
        The names, and float64 (n, len(names)): characters, tokens, share of tokens that the dictionary knows, shares
        of Hangul and of digits among the characters, question marks, and lines.

    Raises:
        ValueError: another shape, or something that is no text.
    """
    texts = np.asarray(texts, dtype=object)
    if texts.ndim != 1 or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"texts have the shape {texts.shape}; wanted (n,) of str")
    return list(NAMES), np.array([_describe(text) for text in texts], dtype=np.float64).reshape(len(texts), len(NAMES))


def _describe(text: str) -> list[float]:
    text = unicodedata.normalize("NFC", text)
    found, length = tokens(text), max(len(text), 1)
    return [
        len(text),
        len(found),
        sum(token.tag is not None for token in found) / max(len(found), 1),
        sum("가" <= sign <= "힣" for sign in text) / length,
        sum(sign.isdigit() for sign in text) / length,
        text.count("?"),
        text.count("\n") + 1,
    ]
