"""Texts: their lengths and scripts, and MinHash signatures by which nearly equal ones are found."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from include.data.quality.columns import Measured
from include.data.quality.lots import Lot

if TYPE_CHECKING:
    import numpy as np
    from datasketch import MinHash

SHINGLE = 4  # characters
PERMUTATIONS, BAND = 64, 4
LOOKED_AT = 20_000  # characters of a text that its signature is made of


class TextReader:
    """Measures texts in UTF-8."""

    measured = (Measured("text", "text"), Measured("characters", "integer"), Measured("words", "integer"))

    def read(self, contents: Sequence[bytes | None]) -> Lot:
        """Measure texts; what is no UTF-8 is unreadable."""
        import numpy as np
        import pyarrow as pa

        lot = Lot({})
        texts: list[str | None] = []
        for place, content in enumerate(contents):
            try:
                texts.append(content.decode() if content is not None else None)
            except UnicodeDecodeError as cause:
                lot.unreadable[place] = f"no UTF-8 at byte {cause.start}"
                texts.append(None)
            else:
                if content is None:
                    lot.unreadable[place] = "there is none"
        lot.arrays = {
            "text": pa.array(texts, pa.string()),
            "characters": pa.array([None if one is None else len(one) for one in texts], pa.int64()),
            "words": pa.array([None if one is None else len(one.split()) for one in texts], pa.int64()),
        }
        lot.signatures = np.stack([signature(one or "") for one in texts]) if texts else None
        lot.contexts = texts
        return lot

    def close(self, first: np.ndarray, second: np.ndarray, similarity: float) -> np.ndarray:
        """Tell whether two texts share so many of their pieces, as far as their signatures tell."""
        return (first == second).mean(axis=1) >= similarity

    def bands(self, signatures: np.ndarray, similarity: float) -> np.ndarray:
        """Return the signature in stretches of `BAND` values."""
        import numpy as np

        stretches = signatures.reshape(len(signatures), PERMUTATIONS // BAND, BAND).astype(np.uint64)
        mixed = np.zeros(stretches.shape[:2], np.uint64)
        for one in range(BAND):
            mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + stretches[:, :, one] + np.uint64(1)
        return mixed


def signature(text: str) -> np.ndarray:
    """Return the MinHash (64,) of a text's pieces of four characters; case, width and blanks do not count."""
    plain = " ".join(unicodedata.normalize("NFKC", text[:LOOKED_AT]).casefold().split())
    found = _empty().copy()
    found.update_batch(_pieces(plain))
    return found.digest()


@cache
def _empty() -> MinHash:
    from datasketch import MinHash

    return MinHash(PERMUTATIONS, seed=1, hashfunc=_same)


def _same(value: int) -> int:
    return value


def _pieces(text: str) -> list[int]:
    """Return the hash of each different piece of a text."""
    import numpy as np

    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    if len(codes) < SHINGLE:
        codes = np.pad(codes, (0, SHINGLE - len(codes)))
    mixed = np.zeros(len(codes) - SHINGLE + 1, np.uint32)
    for one in range(SHINGLE):
        mixed = (mixed ^ codes[one : len(codes) - SHINGLE + 1 + one]) * np.uint32(0x01000193)
        mixed ^= mixed >> np.uint32(15)
    return np.unique(mixed).tolist()
