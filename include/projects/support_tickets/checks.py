"""What a model of tickets must be able to do, whatever it learnt from."""

from __future__ import annotations

import numpy as np


def with_courtesy(texts: np.ndarray) -> np.ndarray:
    """Return the texts with a greeting before and thanks behind: they ask for the same.

    Args:
        texts: (n,) of str.
    """
    polite = {True: ("안녕하세요. ", ". 감사합니다"), False: ("Hello. ", ". Thank you")}
    found = []
    for text in texts:
        before, behind = polite[any("가" <= sign <= "힣" for sign in text)]
        found.append(f"{before}{text}{behind}")
    return np.array(found, dtype=object)


def plain() -> tuple[np.ndarray, list[str]]:
    """Return tickets that leave no doubt, and their topics."""
    cases = {
        "키보드 배송이 나흘째 움직이지 않아요": "delivery",
        "when will the lamp arrive?": "delivery",
        "커피 원두 환불받고 싶습니다": "refund",
        "I want my money back for the desk": "refund",
        "비밀번호 변경 방법을 알려 주세요": "account",
        "I get an error when I try to log in": "account",
        "받은 밥솥 전원이 켜지지 않습니다": "product",
        "the kettle I received makes no sound": "product",
        "운동화 빠르고 좋아요. 정말 만족합니다": "praise",
        "the backpack is great, I am really happy": "praise",
    }
    return np.array(list(cases), dtype=object), list(cases.values())
