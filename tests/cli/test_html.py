"""`taskflow-loguru report --html`: the page, read in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from taskflow_loguru import json_line
from taskflow_loguru.cli.html import Timeline
from taskflow_loguru.cli.moments import seconds
from taskflow_loguru.cli.runs import Run
from tests.cli.conftest import Cli
from tests.cli.writing import LogWriter, after
from tests.hosting import WAIT_SECONDS
from tests.packages import missing

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

HOSTILE = "<!-- <script </script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>--><!--"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        missing("the programs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(browser)
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()


class Page:
    """A page in the browser."""

    def __init__(self, chrome: webdriver.Chrome, file: Path) -> None:
        self.chrome = chrome
        self._emulate(width=1280, scheme="light")
        chrome.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "UTC"})
        chrome.get(file.as_uri())

    def _emulate(self, *, width: int, scheme: str) -> None:
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def show_on(self, *, width: int = 1280, scheme: str = "light") -> None:
        self._emulate(width=width, scheme=scheme)

    def js(self, expression: str) -> Any:
        return self.chrome.execute_script(f"return {expression}")

    def wait_until(self, expression: str) -> None:
        WebDriverWait(self.chrome, WAIT_SECONDS).until(lambda _: self.js(expression), expression)

    def text(self, element_id: str) -> str:
        return self.chrome.find_element(By.ID, element_id).text

    def data(self, chart: str) -> dict[str, list[Any]]:
        sets = self.js(f"Chart.getChart('{chart}').data.datasets.map(set => [set.label ?? '', set.data])")
        return dict(sets)

    def has_drawn(self, chart: str) -> bool:
        """Return whether the canvas has more than one colour."""
        canvas = f"document.getElementById('{chart}')"
        image = f"{canvas}.getContext('2d').getImageData(0, 0, {canvas}.width, {canvas}.height)"
        return bool(self.js(f"new Set(new Uint32Array({image}.data.buffer)).size > 3"))


@pytest.fixture
def log(tmp_path: Path) -> LogWriter:
    """Write two functions with 100 runs in 10 minutes: every tenth of send_email fails, one task has no end."""
    log = LogWriter(tmp_path / "tasks.jsonl", format=json_line)
    for number in range(50):
        status, more = (
            ("failed", {"error": f"refused {number}", "stacktrace": f"Traceback\nBusyError: refused {number}"})
            if number % 10 == 0
            else ("success", {})
        )
        task_id = f"{number:08}-mail"
        log.status(12 * number, "running", task_id=task_id)
        log.log(12 * number + 1, f"still busy, {number}", level="warning", task_id=task_id)
        log.status(12 * number + 3, status, task_id=task_id, duration=3.0, **more)
        log.run(12 * number, 12 * number + 6, task_id=f"{number:08}-report", func_name="make_report")
    log.status(595, "running", task_id="still-running")
    return log


@pytest.fixture
def page(chromium: webdriver.Chrome, cli: Cli, tmp_path: Path, log: LogWriter) -> Page:
    log.close()
    cli("report", "--html", "report.html", "tasks.jsonl")
    return Page(chromium, tmp_path / "report.html")


def test_it_loads_nothing_and_has_no_error(page: Page) -> None:
    assert page.js("performance.getEntriesByType('resource').map(entry => entry.name)") == []
    assert page.chrome.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_the_charts_have_the_figures_and_are_drawn(page: Page) -> None:
    for chart in ("throughput", "failing", "durations", "timeline"):
        assert page.has_drawn(chart), chart
    assert {name: sum(values) for name, values in page.data("throughput").items()} == {
        "success": 95,
        "failed": 5,
        "stopped": 0,
    }
    assert sum(page.data("failing")["failed"]) == 5
    p95 = [value for value in page.data("durations")["p95"] if value is not None]
    assert max(p95) == pytest.approx(6, rel=0.01)


def test_a_function_can_be_chosen(page: Page) -> None:
    assert page.text("tiles").split("\n")[:2] == ["Runs", "101"]
    Select(page.chrome.find_element(By.ID, "function")).select_by_visible_text("make_report")
    assert page.text("tiles").split("\n")[:2] == ["Runs", "50"]
    assert sum(page.data("throughput")["success"]) == 50
    assert "send_email" not in page.text("functions")


def test_the_slowest_runs_are_those_of_the_chosen_function(page: Page) -> None:
    assert page.text("slowest").count("make_report") == 10
    Select(page.chrome.find_element(By.ID, "function")).select_by_visible_text("send_email")
    assert page.text("slowest").count("send_email") == 10


def test_failures_can_be_searched_for_a_phrase(page: Page) -> None:
    search = page.chrome.find_element(By.ID, "search")
    assert page.text("failures").count("refused") == 5
    for phrase, ids in (("REFUSED  20", ["00000020"]), ('"still busy, 30"', ["00000030"]), ("20 refused", [])):
        search.clear()
        search.send_keys(phrase)
        assert re.findall(r"\d{8}(?=-mail)", page.text("failures")) == ids, phrase
    assert page.text("failures") == "none"


def test_tables_are_sorted_by_a_click_on_a_title(page: Page) -> None:
    title = "#functions th:nth-child({}) button"
    first = "document.querySelector('#functions tbody td').textContent"
    for column, names in ((1, ["make_report", "send_email"]), (4, ["send_email", "make_report"])):
        for name in names:
            page.chrome.find_element(By.CSS_SELECTOR, title.format(column)).click()
            assert page.js(first) == name
    assert page.js("document.querySelector('#functions th:nth-child(4)').ariaSort") == "ascending"


def test_a_failure_links_to_its_traceback_and_its_lines(page: Page) -> None:
    assert "Traceback" not in page.text("failures")
    page.chrome.find_element(By.PARTIAL_LINK_TEXT, "00000020-mail").click()
    page.wait_until("document.querySelectorAll('#failures details[open]').length === 1")
    shown = page.text("failures")
    assert "Traceback" in shown
    assert "WARNING attempt=0 still busy, 20" in shown
    assert "taskflow-loguru show 00000020-mail tasks.jsonl" in shown
    assert page.js("location.hash") == "#00000020-mail"


def test_the_causes_of_failures_are_listed(page: Page) -> None:
    assert page.text("errors").split("\n")[1:] == ["5 100 % send_email BusyError 2026-01-01 12:08:03 00000040-mail"]


def test_times_can_be_local(page: Page) -> None:
    page.chrome.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kolkata"})
    page.chrome.find_element(By.ID, "local").click()
    assert page.text("minute-name").startswith("2026-01-01 17:39: ")
    assert "2026-01-01 17:38:03" in page.text("failures")
    assert "2026-01-01 17:30:00 to" in page.text("about")
    assert "Asia/" in page.text("zone")


def test_no_curve_is_drawn_where_no_run_ended(page: Page) -> None:
    p50 = page.data("durations")["p50"]
    assert None in p50
    assert not page.js("Chart.getChart('durations').data.datasets.some(set => set.spanGaps || set.tension)")


@pytest.mark.parametrize("value", [0, 1e-5, 0.0844, 0.9996, 1.239, 59.96, 60, 125, 3600, 7999, 86400, 100000, 1e9])
def test_durations_look_the_same_as_in_a_terminal(page: Page, value: float) -> None:
    assert page.js(f"duration({value})") == seconds(value)


def test_the_timeline_shows_the_runs_of_any_minute(page: Page) -> None:
    assert page.text("minute-name").startswith("2026-01-01 12:09: ")
    labels = "Chart.getChart('timeline').data.labels"
    assert "send_email still-ru" in page.js(labels)
    page.chrome.find_element(By.ID, "before").click()
    assert page.text("minute-name") == "2026-01-01 12:08: 10 runs"
    assert page.js(labels)[:2] == ["send_email 00000040", "make_report 00000040"]
    assert page.data("timeline")[""][:2] == [[0, 3], [0, 6]]


def test_a_click_on_a_bar_shows_its_minute(page: Page) -> None:
    x = page.js("Chart.getChart('throughput').getDatasetMeta(0).data[0].x")
    canvas = page.chrome.find_element(By.ID, "throughput")
    offset = round(x - canvas.size["width"] / 2)
    webdriver.ActionChains(page.chrome).move_to_element_with_offset(canvas, offset, 0).click().perform()
    assert page.text("minute-name").startswith("2026-01-01 12:00: ")


def test_it_is_dark_where_the_system_is(page: Page) -> None:
    brightness = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number).reduce((a, b) => a + b)"
    bar = "Chart.getChart('throughput').data.datasets[0].backgroundColor"
    light = page.js(bar)
    page.wait_until(f"{brightness} > 700")
    page.show_on(scheme="dark")
    page.wait_until(f"{brightness} < 100")
    page.wait_until(f"{bar} !== '{light}'")


def test_a_phone_shows_the_reason_without_scrolling_to_the_side(page: Page) -> None:
    page.show_on(width=390)
    page.wait_until("innerWidth === 390 && document.documentElement.scrollWidth <= 390")
    box = "document.querySelector('#failures summary').getBoundingClientRect()"
    assert page.js(f"{box}.left >= 0 && {box}.right <= 390 && {box}.width > 200")


def test_nothing_in_a_log_becomes_part_of_the_page(chromium: webdriver.Chrome, cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.jsonl", format=json_line)
    names = {"func_name": HOSTILE, "task_id": HOSTILE}
    log.status(0, "running", **names)
    log.log(0, HOSTILE, **names)
    log.status(1, "failed", error=HOSTILE, stacktrace=HOSTILE, duration=1.0, **names)
    log.status(2, "running", **names)
    cli("report", "--html", "report.html", "tasks.jsonl")
    page = Page(chromium, tmp_path / "report.html")
    assert page.js("window.hacked") is None
    assert page.js("document.querySelectorAll('img').length") == 0
    assert page.js("document.querySelectorAll('script').length") == 3
    for element_id in ("failures", "open", "functions"):
        assert "<script>window.hacked" in page.text(element_id)


def test_a_page_runs_no_script_but_its_own(
    chromium: webdriver.Chrome, cli: Cli, tmp_path: Path, log: LogWriter
) -> None:
    """This is the second line of defence: a script that was injected into the page is not run."""
    cli("report", "--html", "report.html", "tasks.jsonl")
    text = (tmp_path / "report.html").read_text()
    assert all(f"{name} 'none'" in text for name in ("default-src", "base-uri", "form-action"))
    (tmp_path / "report.html").write_text(text.replace("<footer>", "<script>window.hacked = 1</script><footer>"))
    page = Page(chromium, tmp_path / "report.html")
    assert page.js("document.querySelectorAll('script').length") == 4
    assert page.js("window.hacked") is None
    chromium.get_log("browser")  # type: ignore[no-untyped-call]


def test_a_log_without_runs_has_a_page_too(chromium: webdriver.Chrome, cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log", log_lifecycle=False).log(0, "hello")
    cli("report", "--html", "report.html", "tasks.log")
    page = Page(chromium, tmp_path / "report.html")
    assert page.chrome.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert page.text("open") == "all runs have an end"


def test_html_and_json_exclude_each_other(cli: Cli) -> None:
    assert "--html" in cli("report", "--json", "--html", "report.html", "tasks.jsonl", exit_code=2).stderr


def test_a_page_goes_to_stdout(cli: Cli, tmp_path: Path, log: LogWriter) -> None:
    log.close()
    assert cli("report", "--html", "-", "tasks.jsonl").stdout.startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["tasks.jsonl"]


def test_a_page_replaces_only_a_page(cli: Cli, tmp_path: Path, log: LogWriter) -> None:
    """``report --html *.log`` gives the first log as the page."""
    log.close()
    page = tmp_path / "report.html"
    for _ in range(2):
        cli("report", "--html", "report.html", "tasks.jsonl")
    (tmp_path / "other.log").write_text("[abc12345] [send_email] 2026-01-01T12:00:00 -- RUNNING\n")
    (tmp_path / "link.html").symlink_to(page)
    (tmp_path / "nowhere.html").symlink_to("missing")
    os.mkfifo(tmp_path / "fifo")
    before = {path.name: path.lstat().st_ino for path in tmp_path.iterdir()}
    for target in ("other.log", "tasks.jsonl", "link.html", "nowhere.html", "fifo", "/dev/null", "no/folder.html"):
        assert "--html" in cli("report", "--html", target, "tasks.jsonl", exit_code=2).stderr
    assert {path.name: path.lstat().st_ino for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o604])
def test_a_page_is_readable_for_those_who_may_read_its_logs(cli: Cli, tmp_path: Path, mode: int) -> None:
    for name in ("one.log", "two.log"):
        log = LogWriter(tmp_path / name)
        log.run(0, 1)
        log.close()
    (tmp_path / "one.log").chmod(mode)
    (tmp_path / "two.log").chmod(0o664)
    cli("report", "--html", "report.html", "one.log", "two.log")
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == mode


def test_a_page_gives_no_group_what_one_of_its_logs_does_not(cli: Cli, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        missing("the rights of root")
    for name, group in (("one.log", 0), ("two.log", 12345)):
        LogWriter(tmp_path / name).run(0, 1)
        os.chown(tmp_path / name, 0, group)
        (tmp_path / name).chmod(0o640)
    cli("report", "--html", "two.html", "two.log")
    assert ((tmp_path / "two.html").stat().st_gid, stat.S_IMODE((tmp_path / "two.html").stat().st_mode)) == (
        12345,
        0o640,
    )
    cli("report", "--html", "both.html", "one.log", "two.log")
    assert stat.S_IMODE((tmp_path / "both.html").stat().st_mode) == 0o600


def test_of_too_many_runs_the_longest_and_the_failed_are_kept() -> None:
    timeline = Timeline(max_runs=100)
    for number in range(1_000):
        status = "failed" if number == 500 else "success"
        run = Run("id", f"f{number}", status, after(0))
        run.ended = after(49 - number % 50)
        timeline.add(run)
    fields = timeline.fields([])
    assert 1 <= len(fields["runs"]) <= 100
    assert "f500" in fields["functions"]
    assert len(fields["runs"]) + sum(fields["hidden"].values()) == 1_000
    assert all(end - begin >= 40_000 for begin, end, *_, status, _ in fields["runs"] if status == 0)
