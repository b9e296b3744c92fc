"""The picture of the README and of the site: the demo's dashboard beside the demo's log file, light and dark.

``python -m tools.picture`` runs the quickstart, opens its dashboard in Chromium, and writes ``docs/pictures/``.
"""

from __future__ import annotations

import base64
import contextlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs/pictures"
WIDTH, HEIGHT, SCALE = 1280, 480, 1.5
COLOURS = 256
TASKS = 5
SCROLL = """
document.body.style.paddingBottom = "100vh";  // room to scroll the filters up to the header
const filters = document.querySelector(".filters-right").getBoundingClientRect();
window.scrollBy(0, filters.top - document.querySelector(".header").offsetHeight - 16);
"""
SETTLED = "return document.getAnimations().every(animation => animation.effect.getTiming().iterations === Infinity)"

PAGE = """<!doctype html>
<meta charset="utf-8">
<style>
:root { color-scheme: light dark; --ground: #fff; --text: #1f2328; --faint: #59636e; --line: #d1d9e0; --pane: #fff;
        --good: #0a7d3c; --bad: #c81e1e; --again: #9a5b00; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --text: #d1d7e0; --faint: #9198a1; --line: #3d444d; --pane: #0d1117;
          --good: #3fb950; --bad: #f85149; --again: #d29922; }
}
body { margin: 0; padding: 8px; height: 464px; display: flex; gap: 12px; background: var(--ground); }
section { border: 1px solid var(--line); border-radius: 8px; overflow: hidden; background: var(--pane); }
.dashboard { flex: 1; }
iframe { border: 0; width: 100%; height: 100%; zoom: 0.85; }
.file { width: 630px; }
p, pre { margin: 0; color: var(--text); font: 12.2px/16.4px "DejaVu Sans Mono", Menlo, Consolas, monospace; }
p { padding: 11px 16px 10px; color: var(--faint); border-bottom: 1px solid var(--line); }
pre { padding: 7px 16px; }
.good { color: var(--good); } .bad { color: var(--bad); } .again { color: var(--again); }
</style>
<section class="dashboard"><iframe></iframe></section>
<section class="file"><p>demo/tasks.log</p><pre></pre></section>
<script>
function show(log, dashboard) {
  const kinds = {"-- SUCCESS": "good", "-- FAILED": "bad", "--- Retry": "again"};
  for (const text of log.trimEnd().split("\\n")) {
    const line = document.createElement("span");
    line.textContent = text + "\\n";
    line.className = Object.entries(kinds).find(([words]) => text.includes(words))?.[1] ?? "";
    document.querySelector("pre").append(line);
  }
  document.querySelector("iframe").src = dashboard;
}
</script>
"""


def main() -> None:
    """Take the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, demo(Path(name)) as dashboard, chromium() as browser:
        folder = Path(name)
        log = (folder / "demo/tasks.log").read_text("utf-8")
        (folder / "page.html").write_text(PAGE, "utf-8")
        for scheme in ("light", "dark"):
            browser.get((folder / "page.html").as_uri())
            emulate(browser, scheme)
            browser.execute_script("show(...arguments)", log, dashboard)
            arrange_dashboard(browser, scheme)
            shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
            few_colours = picture.quantize(COLOURS, dither=Image.Dither.NONE)  # a third of the bytes
            few_colours.save(PICTURES / f"{scheme}.png", optimize=True)


@contextlib.contextmanager
def demo(folder: Path) -> Iterator[str]:
    """Run the quickstart in *folder*; the address of its dashboard, once its tasks have ended."""
    command = [sys.executable, str(ROOT / "examples/quickstart.py"), "--serve"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+/dashboard", process.stdout.readline())
            if found is None:
                raise RuntimeError("the quickstart ended before its dashboard was there")
            yield found[0]
        finally:
            process.terminate()


@contextlib.contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Start a browser without a window."""
    options = webdriver.ChromeOptions()
    for argument in ("--headless", "--no-sandbox", "--hide-scrollbars", "--allow-file-access-from-files"):
        options.add_argument(argument)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()


def emulate(browser: webdriver.Chrome, scheme: str) -> None:
    """Give the browser a screen of the picture's size, in light or dark mode."""
    metrics = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": SCALE, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


def arrange_dashboard(browser: webdriver.Chrome, scheme: str) -> None:
    """Wait for the tasks, choose the theme, and scroll down to the table, as a visitor does."""
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    WebDriverWait(browser, 30).until(lambda page: len(page.find_elements(By.CSS_SELECTOR, "#tasks-tbody tr")) == TASKS)
    if scheme != browser.find_element(By.TAG_NAME, "html").get_attribute("data-theme"):
        browser.execute_script("toggleTheme()")
    browser.execute_script(SCROLL)
    WebDriverWait(browser, 30).until(lambda page: page.execute_script(SETTLED))
    browser.switch_to.default_content()


if __name__ == "__main__":
    main()
