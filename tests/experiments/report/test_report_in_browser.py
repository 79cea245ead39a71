"""The report in headless Chromium: drawn, interactive and self-contained."""

import base64
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from perception_kd.experiments.report.cameras import cameras_section
from perception_kd.experiments.report.detections import boxes_section
from perception_kd.experiments.report.map_predictions import maps_section
from perception_kd.experiments.report.overview import overview_section
from perception_kd.experiments.report.page import render_page
from perception_kd.experiments.report.point_clouds import clouds_section
from perception_kd.experiments.report.results import results_section
from perception_kd.experiments.report.similarity import similarity_section
from perception_kd.experiments.report.training import training_section
from perception_kd.experiments.report.work_dir import WorkDir
from tests.experiments.report.report_data import (
    make_detections,
    make_keyframe,
    make_maps,
    write_demo,
)

webdriver = pytest.importorskip("selenium.webdriver")

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
# The machine may be busy, and WebGL is software here.
PATIENCE = 240  # s
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--window-size=900,700",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on PATH"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report of fake runs and two small keyframes."""
    work = WorkDir.read(write_demo(tmp_path_factory.mktemp("demo")))
    keyframes = [make_keyframe("first"), make_keyframe("second")]
    sections = [
        overview_section(work),
        results_section(work),
        training_section(work),
        cameras_section(keyframes, ""),
        clouds_section(work, keyframes, ""),
        similarity_section(keyframes, ""),
        boxes_section(work, make_detections("first", "second"), ""),
        maps_section(work, make_maps("first", "second"), ""),
    ]
    path = work.path / "report.html"
    path.write_text(render_page("Demo", sections), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a browser at the top of the report, with all point clouds drawn."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.command_executor.client_config.timeout = PATIENCE
        driver.set_script_timeout(PATIENCE)
        driver.get(page.as_uri())
        for name in ("left", "similarity"):
            bring(driver, f"#cloud-{name}")
            wait(driver, lambda: find(driver, f"#cloud-{name}[data-ready]"))  # noqa: B023
        yield driver
    finally:
        driver.quit()


def find(browser: Any, selector: str) -> list[Any]:
    found: list[Any] = browser.find_elements("css selector", selector)
    return found


def bring(browser: Any, selector: str) -> Any:
    """Scroll to an element and return it."""
    (element,) = find(browser, selector)
    script = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})"
    browser.execute_script(script, element)
    return element


def wait(browser: Any, condition: Callable[[], Any]) -> Any:
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(browser, PATIENCE).until(lambda _: condition())


def look(browser: Any, selector: str) -> NDArray[np.int64]:
    """Return an element as it looks, RGB."""
    png = bring(browser, selector).screenshot_as_png
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def count_like(image: NDArray[np.int64], color: tuple[int, int, int]) -> int:
    """Count the pixels of about one color."""
    return int((np.abs(image - color).max(axis=2) < 40).sum())


def heat(browser: Any, view: int = 0) -> NDArray[np.int64]:
    """Return the painted heat map of an image, RGB."""
    selector = f'.similarity [data-of-keyframe="0"] [data-view="{view}"] canvas'
    (canvas,) = find(browser, selector)
    data = browser.execute_script("return arguments[0].toDataURL('image/png')", canvas)
    png = base64.b64decode(data.split(",")[1])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def chosen(browser: Any) -> str:
    (cloud,) = find(browser, "#cloud-similarity")
    return str(cloud.get_attribute("data-shown"))


def test_points_have_the_colors_of_their_classes(browser: Any) -> None:
    car, road = (255, 158, 0), (0, 207, 191)
    wait(browser, lambda: count_like(look(browser, "#cloud-left"), car) > 100)
    assert count_like(look(browser, "#cloud-left"), road) > 100


def test_another_coloring_redraws_the_points(browser: Any) -> None:
    (choice,) = find(browser, "#mode-right option[value=random]")
    wait(browser, lambda: count_like(look(browser, "#cloud-right"), (255, 158, 0)) > 100)
    choice.click()
    # Random weights predict road everywhere.
    wait(browser, lambda: count_like(look(browser, "#cloud-right"), (255, 158, 0)) == 0)
    assert count_like(look(browser, "#cloud-right"), (0, 207, 191)) > 100


def test_keys_rotate_both_point_clouds(browser: Any) -> None:
    before = look(browser, "#cloud-right")
    bring(browser, "#cloud-left").send_keys("\ue012" * 4)  # left arrow
    wait(browser, lambda: (look(browser, "#cloud-right") != before).mean() > 0.01)


def test_a_click_on_a_point_recolors_points_and_images(browser: Any) -> None:
    bring(browser, '.queries[data-of-keyframe="0"] [data-row="200"]').click()
    wait(browser, lambda: chosen(browser) == "200")
    cloud_before, heat_before = look(browser, "#cloud-similarity"), heat(browser)
    # The points of the car are in the center, and turn red when they are similar.
    car = find_car(browser)
    cloud = bring(browser, "#cloud-similarity")

    # A slow click counts, too: with a slow renderer all clicks are slow.
    actions = webdriver.ActionChains(browser)
    actions.move_to_element_with_offset(cloud, *car).click_and_hold().pause(0.6).release()
    actions.perform()
    wait(browser, lambda: chosen(browser) != "200")
    assert int(chosen(browser)) < 200
    wait(browser, lambda: (look(browser, "#cloud-similarity") != cloud_before).mean() > 0.002)
    warm = heat(browser)
    assert (warm != heat_before).any()
    # Red in the left half of the image, which has the car's feature, blue in the right.
    assert (warm[:, :3, 0] > warm[:, :3, 2]).all()
    assert (warm[:, 5:, 0] < warm[:, 5:, 2]).all()
    assert "Most similar on average: car" in find(browser, "#readout-similarity")[0].text


def find_car(browser: Any) -> tuple[int, int]:
    """Return where a point of the car is drawn, far from those of the road.

    Returns:
        Offset in px from the center of the point cloud.
    """
    script = """
      const { positions, deck } = window.similarityView.cloud;
      const [viewport] = deck.getViewports();
      const places = Array.from({ length: positions.length / 3 }, (_, i) =>
        viewport.project(positions.slice(3 * i, 3 * i + 3)));
      const [car, road] = [places.slice(0, 200), places.slice(200)];
      const alone = ([x, y]) => Math.min(...road.map(([u, v]) => Math.hypot(u - x, v - y)));
      const [x, y] = car.reduce((best, place) => (alone(place) > alone(best) ? place : best));
      return [x - viewport.width / 2, y - viewport.height / 2];
    """
    x, y = browser.execute_script(script)
    return round(x), round(y)


def test_a_click_on_an_image_recolors_the_images(browser: Any) -> None:
    before = heat(browser)
    spot = bring(browser, '.similarity [data-of-keyframe="0"] [data-view="1"] .layers')
    width = spot.size["width"]
    actions = webdriver.ActionChains(browser)
    actions.move_to_element_with_offset(spot, round(width / 4), 0).click().perform()
    wait(browser, lambda: chosen(browser) == "spot")
    found = heat(browser)
    assert (found != before).any()
    assert (found[:, 5:, 0] > found[:, 5:, 2]).all()
    assert "Spot in back" in find(browser, "#readout-similarity")[0].text


def test_a_keyframe_is_chosen_for_all_sections(browser: Any) -> None:
    choice = bring(browser, 'input[name="cameras-keyframe"][value="1"]')
    browser.execute_script("arguments[0].click()", choice)
    assert all(not part.is_displayed() for part in find(browser, '[data-of-keyframe="0"]'))
    for name in ("similarity", "boxes", "maps"):
        assert find(browser, f'input[name="{name}-keyframe"][value="1"]:checked')
    browser.execute_script(
        "arguments[0].click()", *find(browser, 'input[name="cameras-keyframe"][value="0"]')
    )


def test_a_network_and_a_class_can_be_chosen(browser: Any) -> None:
    def shown(name: str) -> set[str]:
        parts = find(browser, f'[data-of-choice="{name}"]')
        return {part.get_attribute("data-value") for part in parts if part.is_displayed()}

    def choose(name: str, value: str) -> None:
        choice = bring(browser, f'input[name="{name}"][value="{value}"]')
        browser.execute_script("arguments[0].click()", choice)

    networks, classes = "boxes-init-det_lidar_10", "maps-class"
    assert (shown(networks), shown(classes)) == ({"random"}, {"all"})
    choose(networks, "prc")
    choose(classes, "divider")
    assert (shown(networks), shown(classes)) == ({"prc"}, {"divider"})
    # The choice applies to both keyframes.
    chosen_parts = '[data-of-choice="maps-class"][data-value="divider"]:not([hidden])'
    assert len(find(browser, chosen_parts)) == 2


def test_a_click_enlarges_an_image_and_another_shrinks_it(browser: Any) -> None:
    image = find(browser, '#maps [data-of-keyframe="0"] [data-value="divider"] .zoom')[0]
    before = image.size["width"]
    browser.execute_script("arguments[0].click()", image)
    wait(browser, lambda: image.size["width"] > 1.5 * before)
    browser.execute_script("arguments[0].click()", image)
    wait(browser, lambda: image.size["width"] == before)


def test_the_theme_can_be_switched(browser: Any) -> None:
    def page_color() -> str:
        script = "return getComputedStyle(document.body).backgroundColor"
        return str(browser.execute_script(script))

    before = page_color()
    (button,) = find(browser, "#theme")
    pressed = button.get_attribute("aria-pressed")
    button.click()
    wait(browser, lambda: page_color() != before)
    assert button.get_attribute("aria-pressed") != pressed
    button.click()
    wait(browser, lambda: page_color() == before)


def test_the_page_loads_nothing_and_logs_no_errors(browser: Any, page: Path) -> None:
    # Must be the last test: it reads the logs of all others.
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert [name for name in loaded if not name.startswith(("data:", "blob:"))] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    # The log also has the requests of the browser's start page.
    urls = {r["request"]["url"] for r in requests if r["documentURL"] == page.as_uri()}
    assert {url for url in urls if not url.startswith(("data:", "blob:"))} == {page.as_uri()}
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []
