"""The report in a real browser: it loads from disk, asks nobody for anything, and can be used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from kaudit_setup.cli import main

LOG = Path(__file__).resolve().parents[1] / "data/scenarios/workloads-1.20.2.jsonl.gz"
HOSTILE = "</script><img src=x onerror=document.title='owned'>"
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


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromium-driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield started
    started.quit()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    question = "who deleted pod/again-7dc8f4c8f6-v5ts7 -n web"
    assert main(["report", "--log", str(LOG), "-o", str(file), "--question", question]) == 0
    return file


@pytest.fixture
def page(browser, written: Path) -> Path:
    """The report, opened anew."""
    browser.get("about:blank")
    browser.get_log("performance")  # what the browser did of its own before
    browser.get(f"file://{written}")
    return written


def asked_for(browser) -> list[str]:
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def shown(browser) -> int:
    """How many requests are in view."""
    return int(browser.find_element("id", "shown").text.split()[0])


def texts(browser, selector: str) -> list[str]:
    return [one.text for one in browser.find_elements("css selector", selector)]


def test_it_draws_and_asks_nobody_for_anything(browser, page: Path) -> None:
    assert browser.find_elements("css selector", "#chart canvas")
    assert len(browser.find_elements("css selector", "#picture g.delete")) >= 4
    assert len(browser.find_elements("css selector", "#picture rect.made")) == 7
    assert len(browser.find_elements("css selector", "#picture rect.going")) == 1
    assert [url for url in asked_for(browser) if url != f"file://{page}"] == []
    assert browser.get_log("browser") == []


def test_the_filters_leave_what_fits(browser, page: Path) -> None:
    whole = shown(browser)
    assert whole == 27
    browser.find_element("id", "find").send_keys("mallory replicaset")
    assert texts(browser, "#requests td:nth-child(3)") == ["create"] * shown(browser)
    assert 0 < shown(browser) < whole
    browser.find_element("id", "find").clear()
    browser.find_element("id", "find").send_keys(" ")
    assert shown(browser) == whole
    deleted = browser.find_element("css selector", "#sorts [data-sort=delete]")
    deleted.send_keys("\n")
    assert deleted.get_attribute("aria-pressed") == "false"
    assert "delete" not in texts(browser, "#requests td:nth-child(3)")
    assert not browser.find_elements("css selector", "#picture g.delete")


def test_rows_can_be_users(browser, page: Path) -> None:
    browser.find_element("css selector", "#rows option[value=users]").click()
    labels = texts(browser, "#picture .label")
    assert any("mallory" in label for label in labels)
    assert not any("replicaset " in label for label in labels)


def test_the_keyboard_zooms_and_goes_from_request_to_request(browser, page: Path) -> None:
    whole = shown(browser)
    picture = browser.find_element("id", "picture")
    picture.send_keys(Keys.HOME)
    assert "alice" in browser.find_element("id", "detail").text
    picture.send_keys(Keys.ARROW_RIGHT)
    detail = browser.find_element("id", "detail").text
    assert "deployment-controller" in detail
    assert "alice (impersonated by kubernetes-admin) created deployment web/again (certain)" in detail
    picture.send_keys("+")
    picture.send_keys("+")
    assert 0 < shown(browser) < whole
    picture.send_keys("0")
    assert shown(browser) == whole
    browser.find_element("id", "zoom-in").send_keys("\n")
    assert 0 < shown(browser) < whole
    browser.find_element("id", "zoom-all").send_keys("\n")
    assert shown(browser) == whole


def drag(browser, element, begin: float, end: float) -> None:
    """Press the mouse at a part of the width of an element, move, let go."""
    width = element.size["width"]
    steps = ActionChains(browser).move_to_element_with_offset(element, int((begin - 0.5) * width), 0)
    steps.click_and_hold().move_by_offset(int((end - begin) * width), 0).release().perform()


def test_the_brush_zooms_and_a_double_click_shows_all_again(browser, page: Path) -> None:
    whole = shown(browser)
    picture = browser.find_element("id", "picture")
    drag(browser, picture, 0.4, 0.6)
    assert 0 < shown(browser) < whole
    ActionChains(browser).double_click(picture).perform()
    assert shown(browser) == whole
    drag(browser, browser.find_element("id", "overview"), 0.0, 0.2)
    assert 0 < shown(browser) < whole


def test_a_click_on_a_mark_says_what_it_is(browser, page: Path) -> None:
    mark = browser.find_elements("css selector", "#picture g.create")[-1]
    ActionChains(browser).move_to_element(mark).click().perform()
    assert "workloads-1.20.2.jsonl.gz:" in browser.find_element("id", "detail").text


def test_the_chart_can_be_by_another_dimension_and_its_sums_follow_the_zoom(browser, page: Path) -> None:
    browser.find_element("css selector", "#by option:nth-child(2)").click()
    assert "create" in texts(browser, "#chart-table td:first-child")

    def events() -> int:
        return sum(int(text.replace(",", "")) for text in texts(browser, "#chart-table td:nth-child(2)"))

    assert events() == 2000
    drag(browser, browser.find_element("css selector", "#chart .u-over"), 0.3, 0.6)
    assert 0 < events() < 2000
    browser.find_element("id", "chart-all").send_keys("\n")
    assert events() == 2000


def test_what_is_folded_is_printed(browser, page: Path) -> None:
    assert browser.find_elements("css selector", "details[open]") == []
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.find_elements("css selector", "details:not([open])") == []
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.find_elements("css selector", "details[open]") == []


def test_hostile_strings_do_nothing(browser, tmp_path: Path) -> None:
    time = "2026-11-25T14:00:00.000000Z"
    log, file = tmp_path / "audit.log", tmp_path / "report.html"
    log.write_text(
        json.dumps(
            {
                "kind": "Event",
                "apiVersion": "audit.k8s.io/v1",
                "level": "Metadata",
                "auditID": HOSTILE,
                "stage": "ResponseComplete",
                "requestURI": HOSTILE,
                "verb": "get",
                "user": {"username": HOSTILE},
                "sourceIPs": ["10.0.0.1"],
                "userAgent": HOSTILE,
                "objectRef": {"resource": "secrets", "namespace": HOSTILE, "name": HOSTILE},
                "responseStatus": {"code": 200},
                "requestReceivedTimestamp": time,
                "stageTimestamp": time,
            }
        )
        + "\n"
    )
    assert main(["report", "--log", str(log), "-o", str(file), "--question", "read secrets -A"]) == 0
    browser.get(f"file://{file}")
    assert browser.title != "owned"
    assert browser.find_elements("css selector", "img") == []
    assert HOSTILE in browser.find_element("css selector", "#requests tbody").text
    assert browser.get_log("browser") == []
