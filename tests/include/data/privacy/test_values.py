"""Masked values, invented values: the same everywhere, whatever else runs."""

import sys
from concurrent.futures import ThreadPoolExecutor

from include.data.privacy import values


def test_two_threads_invent_the_same() -> None:
    def invent(_: int) -> list[str]:
        return [values.invented(f"사람 {number}", "name", "ko_KR", b"k" * 32) for number in range(400)]

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(invent, range(4)))
    finally:
        sys.setswitchinterval(usual)
    assert all(one == made[0] for one in made)
