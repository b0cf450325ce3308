# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that each page of the documentation site is readable in each window, and has no broken links."""

from __future__ import annotations

import html.parser
import os
import pathlib
import typing as t
import urllib.parse

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from .conftest import resize

# The windows of a laptop and of a telephone.
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
SITE = pathlib.Path(os.environ["IMDS_SITE"])
PAGES = sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html"))
GUIDES = sorted(
    path.stem
    for path in (pathlib.Path(__file__).parents[3] / "docs" / "docsite" / "rst").glob("*.rst")
)


class Page(html.parser.HTMLParser):
    """Collects the links of a page, and its anchors."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value is not None}
        if "id" in found:
            self.ids.add(found["id"])
        if tag == "a" and "href" in found:
            self.links.add(found["href"])


def test_every_guide_plugin_and_role_has_a_page() -> None:
    root = pathlib.Path(__file__).parents[3]
    assert GUIDES
    wanted = {f"docsite/{name}.html" for name in GUIDES}
    for kind in ("filter", "inventory", "lookup", "test"):
        wanted |= {f"{file.stem}_{kind}.html" for file in root.glob(f"plugins/{kind}/*.*")}
    wanted |= {f"{file.stem}_module.html" for file in root.glob("plugins/modules/*.py")}
    wanted |= {f"{folder.name}_role.html" for folder in root.glob("roles/*")}
    assert wanted - set(PAGES) == set()


def test_every_link_within_the_site_leads_somewhere() -> None:
    pages = {name: Page(SITE / name) for name in PAGES}
    dead = []
    for name, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme:
                continue
            page_there = pages.get(target(name, parts.path))
            if page_there is None or parts.fragment not in {"", *page_there.ids}:
                dead.append(f"{name}: {link}")
    assert dead == []


def target(name: str, path: str) -> str:
    """The page to which a link leads. A link without a path leads to its own page."""
    return os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name


def test_every_page_is_reached_from_the_first() -> None:
    reached: set[str] = set()
    ahead = {"index.html"}
    while ahead:
        name = ahead.pop()
        reached.add(name)
        links = (urllib.parse.urlsplit(link) for link in Page(SITE / name).links)
        targets = {target(name, link.path) for link in links if not link.scheme}
        ahead |= targets.intersection(PAGES) - reached
    assert set(PAGES) - reached - {"search.html"} == set()


@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_and_are_quiet(chromium: webdriver.Chrome, name: str) -> None:
    show(chromium, name, "wide")
    stem = name[: -len(".html")].replace("/", "-")
    for size in SIZES:
        resize(chromium, *SIZES[size])
        chromium.save_screenshot(screenshot(f"{stem}-{size}"))
        assert overflowing(chromium) == []
    # Notes of the browser, for example about late fonts, are no errors of the page.
    assert [entry for entry in chromium.get_log("browser") if entry["level"] != "INFO"] == []
    loaded: list[str] = chromium.execute_script(
        "return performance.getEntriesByType('resource').map((e) => e.name)"
    )
    assert [url for url in loaded if not url.startswith(SITE.as_uri())] == []


def overflowing(driver: webdriver.Chrome) -> t.Any:
    """The elements that are too wide: the page, its title, code, and in a wide window also tables."""
    return driver.execute_script(
        """
        const root = document.documentElement;
        const found = root.scrollWidth > window.innerWidth ? [`body: ${root.scrollWidth}`] : [];
        const boxes = [...document.querySelectorAll(".rst-content pre")];
        if (window.innerWidth > 1000) boxes.push(...document.querySelectorAll(".wy-table-responsive"));
        for (const box of boxes) {
          if (box.scrollWidth > box.clientWidth + 1) found.push(box.textContent.trim().slice(0, 60));
        }
        const right = document.querySelector(".rst-content").getBoundingClientRect().right;
        for (const heading of document.querySelectorAll("h1")) {
          const text = document.createRange();
          text.selectNodeContents(heading.firstChild);
          if ([...text.getClientRects()].some((box) => box.right > right + 1)) found.push("h1");
        }
        return found;
        """
    )


def test_the_menu_opens_on_a_telephone(chromium: webdriver.Chrome) -> None:
    show(chromium, "index.html", "narrow")
    guide = chromium.find_element(By.CSS_SELECTOR, ".wy-menu a")
    assert not in_window(chromium, guide)
    chromium.find_element(By.CSS_SELECTOR, ".wy-nav-top [data-toggle=wy-nav-top]").click()
    WebDriverWait(chromium, 10).until(lambda _driver: in_window(chromium, guide))
    chromium.save_screenshot(screenshot("menu-narrow"))
    title = guide.text
    guide.click()
    WebDriverWait(chromium, 10).until(lambda driver: title in driver.title)


def test_the_search_finds_pages(chromium: webdriver.Chrome) -> None:
    show(chromium, "index.html", "wide")
    chromium.find_element(By.NAME, "q").send_keys("platformFaultDomain\n")
    # The page adds the results one by one.
    result = (By.PARTIAL_LINK_TEXT, "imds.azure.instance_facts")
    WebDriverWait(chromium, 10).until(lambda driver: driver.find_elements(*result))
    chromium.save_screenshot(screenshot("search-wide"))


def show(driver: webdriver.Chrome, name: str, size: str) -> None:
    resize(driver, *SIZES[size])
    driver.get("about:blank")
    driver.get_log("browser")
    driver.get((SITE / name).as_uri())


def in_window(driver: webdriver.Chrome, element: t.Any) -> bool:
    return bool(
        driver.execute_script(
            "const box = arguments[0].getBoundingClientRect();"
            "return box.left >= 0 && box.right <= window.innerWidth && box.width > 0",
            element,
        )
    )


def screenshot(name: str) -> str:
    return str(pathlib.Path(os.environ.get("IMDS_SCREENSHOTS", ".")) / f"site-{name}.png")
