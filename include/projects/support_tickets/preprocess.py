"""Tickets as counts of the dictionary's words. Runs in training and inside the model server: numpy alone, 1.26 or newer."""

from __future__ import annotations

from collections import Counter

import numpy as np

from include.projects.support_tickets.tokens import dictionary, tokens


def preprocess(texts: np.ndarray) -> np.ndarray:
    """Count the words of each text that the dictionary knows.

    Args:
        texts: (n,) of str.

    Returns:
        float32 (n, words of the dictionary): how often each occurs, as log(1 + count).

    Raises:
        ValueError: another shape, or something that is no text.
    """
    texts = np.asarray(texts, dtype=object)
    if texts.ndim != 1 or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"texts have the shape {texts.shape}; wanted (n,) of str")
    words = dictionary()
    places = {word: place for place, word in enumerate(words)}
    counts = np.zeros((len(texts), len(words)), dtype=np.float32)
    for row, text in enumerate(texts):
        for word, count in Counter(token.text for token in tokens(text) if token.tag).items():
            counts[row, places[word]] = count
    return np.log1p(counts)
