"""Reports: whole pages with nothing from elsewhere, in which text from outside stays text."""

from __future__ import annotations

import io
from html.parser import HTMLParser

import pytest
from markupsafe import Markup

from include.reports import Section, bars, figure, image, page, plots, table

VOID = {"meta", "link", "br", "img", "hr", "input", "col"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and finds out whether the tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


def test_a_page_is_whole_and_loads_nothing() -> None:
    sections = [Section(f"절 {n}", table(["이름"], [[n]])) for n in range(4)]
    html = page("품질 보고서 😀", sections, "v1 & v2")
    found = Reader(html)
    assert html.lstrip().lower().startswith("<!doctype html>") and found.open == []
    assert "품질 보고서 😀" in found.text and "v1 & v2" in found.text and "절 3" in found.text
    assert not {"script", "iframe", "object", "embed", "form", "link"} & set(found.tags)
    assert all("//" not in value for name, value in found.attributes if name in ("src", "href"))
    assert "prefers-color-scheme" in html and "@import" not in html and "url(" not in html and 'charset="utf-8"' in html.lower()


def test_many_sections_have_links_that_lead_to_them() -> None:
    found = Reader(page("t", [Section("같은 이름", "x")] * 5))
    links = [value[1:] for name, value in found.attributes if name == "href"]
    ids = [value for name, value in found.attributes if name == "id"]
    assert len(links) == 5 and len(set(links)) == 5 and set(links) <= set(ids)
    assert not [name for name, _ in Reader(page("t", [Section("a", "x")] * 3)).attributes if name == "href"]
    assert Reader(page("t", [])).open == []


@pytest.mark.parametrize(
    "bad", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><b>", "{{ 7 * 7 }}", "&lt;"]
)
def test_text_from_outside_stays_text(bad: str) -> None:
    html = page(
        bad, [Section(bad, bad), Section("t", table([bad], [[bad, (bad, "bad")]])), Section("b", bars({bad: 1}, bad)),
              Section("i", image(b"png", bad, bad))], bad,
    )  # fmt: skip
    found = Reader(html)
    assert found.open == [] and found.text.count(bad) >= 7
    assert "script" not in found.tags and "b" not in found.tags and found.tags.count("img") == 1
    assert not [name for name, _ in found.attributes if name.startswith("on")]


def test_what_no_file_can_hold_is_made_visible() -> None:
    html = page("a\ud800", [Section("\udfff", table(["\ud800"], [["x\udc00"]]))], "\ud800")
    assert html.encode() and "\\udc00" in html


def test_cells() -> None:
    cells = [None, "", 1234567, 0.123456, 12345.678, -0.5, True, float("nan"), float("inf"), ("늦음", "bad"), (3, "good"), (1, 2),
             Markup("<i>x</i>"), b"\xff", ["a"]]  # fmt: skip
    html = str(table(["x"], [[one] for one in cells]))
    for wanted in (
        "<td></td>",
        '<td class="number">1,234,567</td>',
        '<td class="number">0.1235</td>',
        '<td class="number">12,346</td>',
        '<td class="number">-0.5</td>',
        "<td>True</td>",
        '<td class="number">nan</td>',
        '<td class="number">inf</td>',
        '<td class="bad">늦음</td>',
        '<td class="good number">3</td>',
        "<td>(1, 2)</td>",
        "<td><i>x</i></td>",
    ):
        assert wanted in html, wanted
    assert html.count("<tr>") == len(cells) + 1


def test_numbers_of_numpy_are_numbers() -> None:
    import numpy as np

    html = str(table(["x"], [[np.int64(1234)], [np.float32(0.5)], [np.float64(0.25)]]))
    assert '<td class="number">1,234</td>' in html and '<td class="number">0.5</td>' in html


def test_a_very_long_text_is_cut() -> None:
    html = str(table(["x"], [["가" * 10_000_000]]))
    assert html.count("가") == 2000


def test_bars() -> None:
    html = str(bars({"고양이": 50, "dog": 200, "none": 0, "less": -5}, "장"))
    assert "width:25.00%" in html and "width:100.00%" in html and html.count("width:0.00%") == 2
    assert "200 장" in html and 'title="고양이"' in html
    assert bars({}) == '<div class="bars"></div>' and "width:0.00%" in bars({"a": 0})
    assert "1,234.5" in bars({"a": 1234.5})


def test_figures_are_embedded_and_closed() -> None:
    import matplotlib.pyplot as plt
    from PIL import Image

    plot, axes = plt.subplots(figsize=(2, 1))
    axes.plot([1, 2])
    before = len(plt.get_fignums())
    html = figure(plot, "그림 <1>")
    assert len(plt.get_fignums()) == before - 1
    source = dict(Reader(html).attributes)["src"]
    assert source.startswith("data:image/png;base64,") and "그림 &lt;1&gt;" in html
    import base64

    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as found:
        assert found.format == "PNG" and found.width > 100


def test_the_verdict_comes_first_with_the_few_figures_that_matter():
    sections = [Section("a", "x"), Section("접힌 것", "<y>", folded=True)]
    html = page("t", sections, "about", ("통과: <1>", "good"), [("정확도", 0.98765, "95 %"), ("rows", 1500, "")])
    found = Reader(html)
    assert '<p class="verdict good">통과: &lt;1&gt;</p>' in html and "<b>0.9877</b>정확도<br>95 %" in html
    assert "<b>1,500</b>rows</li>" in html and html.index("verdict good") < html.index("<b>0.9877") < html.index('id="s1"')
    assert found.open == [] and found.tags.count("details") == 1 and "&lt;y&gt;" in html
    plain = page("t", sections)
    assert '<p class="verdict' not in plain and "<ul" not in plain


def test_the_heading_of_numbers_stands_where_they_stand():
    rows = [["a", 1, (0.5, "bad"), ""], ["b", None, 2, "x" * 41], ["c", "", float("nan"), 7]]
    html = str(table(["name", "count", "share", "mixed"], rows))
    assert html.count('<th class="number">') == 2 and '<th class="number">count</th><th class="number">share</th>' in html
    assert '<td class="bad number">0.5</td>' in html and '<td class="long">' in html
    assert '<th class="number">' not in str(table(["x"], [[None]])) and table([], []).count("<th") == 1


def test_plots_are_shown_small_enough_to_be_crisp_and_wide_ones_get_a_row():
    from PIL import Image

    def drawn(width: int, height: int) -> bytes:
        sink = io.BytesIO()
        Image.new("RGB", (width, height)).save(sink, "PNG")
        return sink.getvalue()

    assert '<figure><img class="plot" alt="" width="500" ' in image(drawn(650, 400), "", "plot")
    assert '<figure class="wide"><img class="plot" alt="" width="900" ' in image(drawn(1170, 468), "", "plot")
    assert "width=" not in image(drawn(650, 400)) and "width=" not in image(b"no png", "", "plot")
    assert plots([image(b"png", "a"), image(b"png", "b")]).count("<figure>") == 2
