"""Pages of maps in a browser: their sizes, and how fast they follow the slider."""

import shutil
import tempfile
from pathlib import Path

import maps
import numpy as np
from playwright.sync_api import Page, sync_playwright

import nithresh
from nithresh import datasets
from nithresh.viewer import View

STEPS = 240
# Milliseconds that new clusters take, step by step from the first height to the last.
LOOK_UPS = """([from, to, steps]) => Array.from({ length: steps }, (_, step) => {
  const threshold = from + ((to - from) * step) / steps;
  const start = performance.now();
  clustersAt(map, threshold, 10, 0);
  return performance.now() - start;
})"""
# Milliseconds from frame to frame while the slider moves at each of them.
FRAMES = """([from, to, steps]) => new Promise((done) => {
  const slider = document.getElementById("slider");
  const times = [];
  const move = (now) => {
    times.push(now);
    if (times.length > steps) {
      done(times.slice(1).map((time, place) => time - times[place]));
      return;
    }
    slider.value = from + ((to - from) * times.length) / steps;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    requestAnimationFrame(move);
  };
  requestAnimationFrame(move);
})"""


def views() -> dict[str, View]:
    """Make the pages that are measured."""
    sample = datasets.load_sample_motor_activation_image()
    smooth = maps.smooth(maps.SHAPE_2MM)
    return {
        "sample map": nithresh.view(sample, 3, cluster_threshold=10),
        "sample map, lowest=2": nithresh.view(
            sample, 3, cluster_threshold=10, lowest=2
        ),
        "smooth 2 mm map": nithresh.view(smooth, 2, cluster_threshold=10),
        "smooth 2 mm map, lowest=1.5": nithresh.view(
            smooth, 2, cluster_threshold=10, lowest=1.5
        ),
    }


def row(page: Page, view: View, name: str) -> str:
    """Measure one page."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.html")
        view.save(path)
        page.goto(path.as_uri())
        page.wait_for_selector("#count:not(:empty)")
    ends = [max(1.0, view.choices["lowest"]), 5.0, STEPS]
    page.evaluate(LOOK_UPS, ends)
    median, late = np.percentile(page.evaluate(LOOK_UPS, ends), [50, 95])
    page.evaluate(FRAMES, ends)
    frame, slow = np.percentile(page.evaluate(FRAMES, ends), [50, 95])
    return (
        f"| {name} | {len(view.html) / 1000:.0f} | {median:.1f} | {late:.1f} | "
        f"{frame:.1f} | {slow:.1f} | {1000 / frame:.0f} |"
    )


def main() -> None:
    """Print the table."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=executable, args=["--no-sandbox"]
        )
        print(f"Chromium {browser.version}, without a window and a graphics processor.")
        print()
        print(
            "| page | KB | clusters, ms | 95 % | frame, ms | 95 % | frames a second |"
        )
        print("|---|--:|--:|--:|--:|--:|--:|")
        page = browser.new_page(viewport={"width": 1100, "height": 1000})
        for name, view in views().items():
            print(row(page, view, name), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
