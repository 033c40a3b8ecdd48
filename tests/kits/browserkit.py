"""A real browser for pages of this tool: Debian's Chromium, headless."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1200,900",
)


@contextmanager
def started(profile: Path) -> Iterator[webdriver.Chrome]:
    """The browser; the test is skipped where there is none."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromium-driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


def opened(browser: webdriver.Chrome, page: Path) -> None:
    """The page, loaded anew; what the browser asked for before is forgotten."""
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(f"file://{page}")


def asked_for(browser: webdriver.Chrome, page: Path) -> list[str]:
    """What was asked for, but the page itself."""
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    found = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [url for url in found if url != f"file://{page}"]


def texts(browser: webdriver.Chrome, selector: str) -> list[str]:
    return [one.text for one in browser.find_elements("css selector", selector)]


def drag(browser: webdriver.Chrome, selector: str, begin: float, end: float) -> None:
    """Press the mouse at a part of the width of an element, move, let go."""
    element = browser.find_element("css selector", selector)
    width = element.size["width"]
    steps = ActionChains(browser).move_to_element_with_offset(element, int((begin - 0.5) * width), 0)
    steps.click_and_hold().move_by_offset(int((end - begin) * width), 0).release().perform()
