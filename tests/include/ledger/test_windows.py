from __future__ import annotations

from include.ledger import Ledger, Window


def add(ledger: Ledger, number: int, release: str = "digits-r0001", score: float = 0.1) -> Window:
    return ledger.add_window(
        "digits", release, number, f"0:{number}", f"0:{number + 1}", 200, score, {"bins": [1, 2]}, {"feature": {"mean": 0.5}}
    )


def test_windows_come_back_oldest_first(ledger: Ledger) -> None:
    assert ledger.last_window("digits", "digits-r0001") is None
    kept = [add(ledger, n) for n in (1, 2, 3)]
    other = add(ledger, 1, "digits-r0002")
    assert ledger.windows("digits", "digits-r0001") == kept
    assert ledger.windows("digits", "digits-r0001", last=2) == kept[1:]
    assert ledger.windows("digits") == [*kept, other]
    assert ledger.last_window("digits", "digits-r0001") == kept[-1]
    assert kept[0].sketch == {"bins": [1, 2]} and kept[0].details == {"feature": {"mean": 0.5}}


def test_the_same_window_again_is_kept_as_it_was(ledger: Ledger) -> None:
    first = add(ledger, 1)
    assert add(ledger, 1, score=9) == first
    assert ledger.windows("digits") == [first]
