"""The pages in a real browser: they load from disk, ask nobody for anything, and can be used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browserkit import asked_for, drag, opened, started, texts
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from statuskit import status

from kaudit_setup.cli import main
from kaudit_setup.fleet.drift import Difference
from kaudit_setup.fleet.status import Row
from kaudit_setup.report.page.nodes import status_page

LOG = Path(__file__).resolve().parents[1] / "data/scenarios/workloads-1.20.2.jsonl.gz"
HOSTILE = "</script><img src=x onerror=document.title='owned'>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with started(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    question = "who deleted pod/again-7dc8f4c8f6-v5ts7 -n web"
    assert main(["report", "--log", str(LOG), "-o", str(file), "--question", question]) == 0
    return file


@pytest.fixture
def page(browser, written: Path) -> Path:
    opened(browser, written)
    return written


def shown(browser) -> int:
    """How many requests are in view."""
    return int(browser.find_element("id", "shown").text.split()[0])


def test_it_draws_and_asks_nobody_for_anything(browser, page: Path) -> None:
    assert browser.find_elements("css selector", "#chart canvas")
    assert len(browser.find_elements("css selector", "#picture g.delete")) >= 4
    assert len(browser.find_elements("css selector", "#picture rect.made")) == 7
    assert len(browser.find_elements("css selector", "#picture rect.going")) == 1
    assert asked_for(browser, page) == []
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


def test_the_brush_zooms_and_a_double_click_shows_all_again(browser, page: Path) -> None:
    whole = shown(browser)
    picture = browser.find_element("id", "picture")
    drag(browser, "#picture", 0.4, 0.6)
    assert 0 < shown(browser) < whole
    ActionChains(browser).double_click(picture).perform()
    assert shown(browser) == whole
    drag(browser, "#overview", 0.0, 0.2)
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
    drag(browser, "#chart .u-over", 0.3, 0.6)
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
    opened(browser, file)
    assert browser.title != "owned"
    assert browser.find_elements("css selector", "img") == []
    assert HOSTILE in browser.find_element("css selector", "#requests tbody").text
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("lines", ["", "not an audit log\n"])
def test_a_log_without_events_is_a_page_without_errors(browser, tmp_path: Path, lines: str) -> None:
    log, file = tmp_path / "audit.log", tmp_path / "report.html"
    log.write_text(lines)
    main(["report", "--log", str(log), "-o", str(file)])
    opened(browser, file)
    assert "No event" in browser.find_element("id", "events").text
    assert browser.get_log("browser") == []


@pytest.fixture
def status_file(browser, tmp_path: Path) -> Path:
    """Four control planes, one of which has a name that somebody chose."""
    rows = [
        Row("cp1", "blue", "ca", status()),
        Row("cp2", "blue", "ca", status("restart-pending"), (Difference("audit-log-maxage", "7", "30"),)),
        Row("cp3", "green", "cb", status("off")),
        Row(HOSTILE, unreachable=HOSTILE),
    ]
    file = tmp_path / "status.html"
    file.write_text(status_page(rows))
    opened(browser, file)
    return file


def test_the_page_of_nodes_shows_what_is_asked_for(browser, status_file: Path) -> None:
    names = ".nodes tbody:not([hidden]) th strong"
    assert texts(browser, names) == ["cp1", "cp2", "cp3", HOSTILE]
    browser.find_element("id", "only").send_keys(" ")
    assert texts(browser, names) == ["cp2", "cp3", HOSTILE]
    browser.find_element("id", "find").send_keys("others: 30")
    assert texts(browser, names) == ["cp2"]
    assert [text.splitlines()[0] for text in texts(browser, ".cluster:not([hidden]) h2")] == [
        "blue 1 of 2 nodes as it should be"
    ]
    assert browser.title != "owned"
    assert browser.find_elements("css selector", "img") == []
    assert asked_for(browser, status_file) == []
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("width", [400, 800, 1600])
def test_pages_fit_the_window(browser, page: Path, status_file: Path, width: int) -> None:
    """Nothing but tables, which scroll by themselves, is wider than the window."""
    for file in (page, status_file):
        emulate = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", emulate)
        opened(browser, file)
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        assert wide <= width
