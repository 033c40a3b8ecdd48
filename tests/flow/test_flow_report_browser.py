"""The report in a real browser: it loads from disk, asks nobody for anything, and can be used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    webdriver = pytest.importorskip("selenium.webdriver")
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
def page(browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    assert main(["report", "--log", str(LOG), "-o", str(file), "--question", "touched --user mallory"]) == 0
    browser.get("about:blank")
    browser.get_log("performance")  # what the browser did of its own before
    browser.get(f"file://{file}")
    return file


def asked_for(browser) -> list[str]:
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def test_it_draws_and_asks_nobody_for_anything(browser, page: Path) -> None:
    assert browser.find_elements("css selector", "#chart canvas")
    assert browser.find_elements("css selector", "#deed-picture circle")
    assert [url for url in asked_for(browser) if url != f"file://{page}"] == []
    assert browser.get_log("browser") == []


def test_filter_and_zoom_work_with_the_keyboard(browser, page: Path) -> None:
    def rows() -> int:
        return len(browser.find_elements("css selector", "#deed-table tbody tr"))

    whole = rows()
    box = browser.find_element("id", "deed-filter")
    box.send_keys("secrets")
    assert 0 < rows() < whole
    box.clear()
    box.send_keys(" ")
    assert rows() == whole
    browser.find_element("id", "deed-in").send_keys("\n")
    assert 0 < rows() < whole
    browser.find_element("id", "deed-all").send_keys("\n")
    assert rows() == whole


def test_the_chart_can_be_by_another_dimension(browser, page: Path) -> None:
    browser.find_element("css selector", "#by option:nth-child(2)").click()
    names = [cell.text for cell in browser.find_elements("css selector", "#chart-table td:first-child")]
    assert "create" in names


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
    assert HOSTILE in browser.find_element("css selector", "#deed-table tbody").text
    assert browser.get_log("browser") == []
