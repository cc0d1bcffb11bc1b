"""Who is taken for a crawler, and who is not."""

from __future__ import annotations

import time

import pytest

from nannin.access import crawlers
from nannin.access.crawlers import is_crawler

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)"
WEBKIT, BLINK = "AppleWebKit/605.1.15 (KHTML, like Gecko)", "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"{WINDOWS} {BLINK} Chrome/131.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; GPTBot/1.2; +https://openai.com/gptbot",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
        "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    ],
)
def test_a_crawler_that_names_itself_is_one(user_agent: str) -> None:
    assert is_crawler(user_agent)


@pytest.mark.parametrize(
    "user_agent",
    [
        CHROME,
        f"{CHROME} Edg/131.0.0.0",
        f"{CHROME} OPR/116.0.0.0",
        "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
        "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.1 Safari/605.1.15",
        f"{IPHONE} {WEBKIT} Version/18.1 Mobile/15E148 Safari/604.1",
        f"{IPHONE} {WEBKIT} CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1",
        f"{IPHONE} {WEBKIT} Mobile/15E148 Safari Line/14.19.0",
        f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Chrome/131.0.0.0 Mobile Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 14; SM-S911B) {BLINK} SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile",
        f"Mozilla/5.0 (Linux; Android 9; KFTRWI) {BLINK} Silk/112.3.1 like Chrome/112.0.5615.213 Safari",
    ],
)
def test_a_browser_is_none(user_agent: str) -> None:
    assert not is_crawler(user_agent)


@pytest.mark.parametrize(
    "user_agent",
    [
        "node-XMLHttpRequest",
        "Python/3.11 aiohttp/3.11.7",
        "python-requests/2.32.3",
        "Python/3.11 websockets/14.1",
        "okhttp/4.12.0",
        "Dart/3.5 (dart:io)",
        "Go-http-client/1.1",
        CHROME.replace("Chrome/", "HeadlessChrome/"),
    ],
)
def test_a_client_that_only_names_its_library_is_none(user_agent: str) -> None:
    assert not is_crawler(user_agent)


def test_a_crawler_in_a_browser_without_a_window_is_one() -> None:
    browser = CHROME.replace("Chrome/", "HeadlessChrome/")
    assert is_crawler(f"{browser} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")


def test_a_client_that_says_nothing_is_none() -> None:
    assert not is_crawler("")


def test_what_follows_the_first_characters_does_not_matter() -> None:
    assert is_crawler("Googlebot/2.1 " + "x" * 10_000)
    assert is_crawler("x" * (crawlers.MAX_CHARACTERS - 10) + "Googlebot/2.1")
    assert not is_crawler("x" * crawlers.MAX_CHARACTERS + "Googlebot/2.1")


def test_answers_are_kept_and_their_number_is_bounded() -> None:
    kept = crawlers._is_crawler
    kept.cache_clear()
    assert [is_crawler("a"), is_crawler("a"), is_crawler("a" * 600), is_crawler("a" * 700)] == [False] * 4
    assert (kept.cache_info().hits, kept.cache_info().misses) == (2, 2)
    assert kept.cache_info().maxsize is not None


@pytest.mark.parametrize(
    "text", ["Current" * 80, "Spider" * 90, "ContextualBot" * 40, "(" * 512, "\x00\xff" * 256]
)
def test_no_text_takes_long(text: str) -> None:
    is_crawler("the list is loaded")
    began = time.perf_counter()
    assert not is_crawler(text)
    assert time.perf_counter() - began < 0.5  # some 0.5 ms; more would be an expression that explodes
