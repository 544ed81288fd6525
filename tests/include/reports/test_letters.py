import pytest

from include.reports import letters


@pytest.fixture
def anew():
    """Forget which fonts were found, before and after."""

    def forget():
        letters.families.cache_clear()
        letters._letters.cache_clear()

    forget()
    yield
    forget()


@pytest.mark.parametrize("found", ["the system's", "the package's"])
def test_a_font_that_matplotlib_does_not_know_of_is_found(anew, monkeypatch, found):
    from matplotlib import font_manager

    known = font_manager.fontManager
    if found == "the package's":
        monkeypatch.setattr(font_manager, "findSystemFonts", list)
    monkeypatch.setattr(known, "ttflist", [one for one in known.ttflist if one.name not in letters.HANGUL])
    assert not set(known.get_font_names()).intersection(letters.HANGUL)
    assert letters.families()[1] in letters.HANGUL
    assert letters.drawable("손글씨 abc") and letters.spelt(["배송", "환불"]) == ["배송", "환불"]
    weights = {one.weight for one in known.ttflist if one.name == letters.families()[1]}
    assert len(weights) > 1  # titles are bold: matplotlib would warn of each


def test_what_no_font_can_draw_is_numbered(anew, monkeypatch):
    monkeypatch.setattr(letters, "_installed", lambda: set())
    monkeypatch.setattr(letters, "HANGUL", ())
    assert letters.families() == (letters.FIRST,)
    assert letters.spelt(["delivery", "환불", "a" * 30]) == ["delivery", "#2", "a" * 23 + "…"]
    assert not letters.drawable("환불") and letters.drawable("é Ω ж\n")
