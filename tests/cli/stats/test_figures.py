"""What a server is asked for, and what is made of it."""

from __future__ import annotations

import pytest

from nannin.audience.roster import Count
from nannin.cli.reader import Reader, Refused
from nannin.cli.remote import Address
from nannin.cli.stats.figures import Figures, Query, gather
from nannin.errors import HistoryError
from nannin.history.points import Metric, Peak
from support.fake_audiences import Lookout
from support.fake_past import NOW_S, Archive, point, serve

HOUR_S = NOW_S // 3_600 * 3_600
COUNTS = {"/a": Count(9, 8, 7), "/b": Count(3, 3, 3), "/c": Count(1, 1, 1)}


def archive() -> Archive:
    """A page with three hours of the past, one of them seen in part, and others with none."""
    archive = Archive(COUNTS)
    archive.history.points["/a"] = [
        point(HOUR_S - 3 * 3_600, 3_600, 2.0, 5),
        point(HOUR_S - 2 * 3_600, 3_600, 6.0, 7, covered_ms=1_800_000),
        point(HOUR_S - 3_600, 3_600, 1.0, 1),
    ]
    archive.history.peaks_of = [
        Peak("/a", Metric.VISITORS, 57, 1_000),
        Peak("/a", Metric.CONNECTIONS, 99, 2_000),
    ]
    return archive


def gathered(
    archive: Lookout, monkeypatch: pytest.MonkeyPatch, *pages: str, limit: int = 10, **span: str
) -> Figures:
    serve(archive, monkeypatch)
    return gather(Reader(Address("http://a.test"), sleep=lambda _: None), Query(pages, limit, span))


def test_each_page_has_its_number_its_past_and_its_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = gathered(archive(), monkeypatch, step="hour")
    assert [page.now.page for page in figures.pages] == ["/a", "/b", "/c"]
    assert (figures.total, figures.note) == (3, "")
    first = figures.pages[0]
    assert (first.now.visitors, first.joins) == (8, 13)
    assert first.greatest is not None
    assert (first.greatest.value, first.greatest.at_ms) == (7, (HOUR_S - 2 * 3_600) * 1_000 + 500)
    assert first.peak is not None
    assert first.peak.value == 57


def test_the_mean_goes_by_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    page = gathered(archive(), monkeypatch, "/a", step="hour").pages[0]
    assert page.mean == (2.0 + 6.0 / 2 + 1.0) / 2.5
    assert [mean for mean in page.means if mean is not None] == [2.0, 6.0, 1.0]


def test_what_was_not_seen_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    page = gathered(archive(), monkeypatch, "/b").pages[0]
    assert (page.mean, page.greatest, page.joins, page.peak) == (None, None, None, None)
    assert set(page.means) == {None}


def test_few_bars_stand_for_many_points(monkeypatch: pytest.MonkeyPatch) -> None:
    page = gathered(archive(), monkeypatch, "/a", step="hour").pages[0]
    assert len(page.points) == 25
    assert page.bars(25) == page.means
    merged = page.bars(10)
    assert len(merged) == 9
    assert merged[-2:] == [(2.0 + 6.0 / 2 + 1.0) / 2.5, None]


def test_only_so_many_of_the_top_pages_are_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = gathered(archive(), monkeypatch, limit=1)
    assert ([page.now.page for page in figures.pages], figures.total) == (["/a"], 3)


def test_pages_that_are_named_need_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(archive(), monkeypatch)
    figures = gather(Reader(Address("http://a.test")), Query(("/c", "/empty"), 10, {}))
    assert [page.now.visitors for page in figures.pages] == [1, 0]
    assert figures.total is None
    assert not any("/api/top" in target for target in server.asked)


def test_without_a_history_there_are_the_numbers_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(Lookout(COUNTS), monkeypatch)
    figures = gather(Reader(Address("http://a.test")), Query((), 10, {}))
    assert [(page.now.visitors, page.history) for page in figures.pages] == [(8, None), (3, None), (1, None)]
    assert figures.note.startswith("this server keeps no history")
    assert figures.pages[0].bars(10) == []
    assert len(server.asked) == 2, "one answer is enough"


def test_a_wrong_time_is_refused_as_the_server_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="from must be a moment"):
        gathered(archive(), monkeypatch, limit=10, **{"from": "soon"})


def test_a_history_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    server = archive()
    server.history.error = HistoryError("the disk is gone")
    with pytest.raises(Refused, match="history can't be read now"):
        gathered(server, monkeypatch)
