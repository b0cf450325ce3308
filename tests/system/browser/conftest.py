# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that the role writes, and a browser that opens them."""

from __future__ import annotations

import collections
import json
import os
import pathlib
import sys
import typing as t

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from programs import output_of

from . import fleets

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--hide-scrollbars",
)
# A wide window and the window of a telephone.
WIDTHS = {"wide": (1440, 1000), "narrow": (390, 844)}
SCHEMES = ("light", "dark")

PLAYBOOK = [
    {
        "name": "Draw the map",
        "hosts": "localhost",
        "gather_facts": False,
        "roles": [{"role": "imds.azure.placement"}],
    }
]
INVENTORY = {
    "plugin": "imds.azure.instances",
    "sources": ["documents"],
    "documents": ["fleet.json"],
    "address": "none",
}
PYTHON = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


class Drawn(t.NamedTuple):
    """A map, and the data of its fleet in the inventory."""

    url: str
    hosts: dict[str, dict[str, t.Any]]
    groups: dict[str, list[str]]

    def places(self) -> collections.Counter[tuple[str, str, str, str]]:
        """The location, the zone, the scale set and (within a scale set) the fault domain of each host."""
        computes = [host["azure_imds"]["compute"] for host in self.hosts.values()]
        groups = collections.defaultdict(set)
        for compute in computes:
            groups[compute["vmScaleSetName"]].add(compute["resourceGroupName"])

        def scale_set(compute: dict[str, t.Any]) -> str:
            name: str = compute["vmScaleSetName"]
            several = name and len(groups[name]) > 1
            return f"{name} (resource group {compute['resourceGroupName']})" if several else name

        return collections.Counter(
            (
                compute["location"],
                compute["zone"],
                scale_set(compute),
                compute["platformFaultDomain"] if compute["vmScaleSetName"] else "",
            )
            for compute in computes
        )

    def tag(self, name: str) -> collections.Counter[str]:
        return collections.Counter(
            host["azure_imds"]["tags"].get(name, "") for host in self.hosts.values()
        )


Draw = t.Callable[..., Drawn]


@pytest.fixture(scope="session")
def draw(tmp_path_factory: pytest.TempPathFactory) -> Draw:
    """Lets the role draw a fleet of this size. With equal variables, it is drawn only once."""
    known: dict[str, Drawn] = {}

    def drawn(size: int, lost: int = 0, **variables: t.Any) -> Drawn:
        key = json.dumps([size, lost, variables], sort_keys=True)
        if key not in known:
            documents = [*fleets.fleet(size), *fleets.lost(lost)]
            known[key] = make(tmp_path_factory.mktemp(f"fleet-{size}"), documents, variables)
        return known[key]

    return drawn


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    rules = {"placement_min_zones_per_location": 1, "placement_max_share": 0.25}
    return make(tmp_path_factory.mktemp("shop"), fleets.shop(), rules)


def make(folder: pathlib.Path, documents: list[t.Any], variables: dict[str, t.Any]) -> Drawn:
    for name, content in (
        ("fleet.json", documents),
        ("fleet.imds.yml", INVENTORY),
        ("play.yml", PLAYBOOK),
    ):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    page = folder / "map.html"
    wanted = json.dumps(
        {**PYTHON, "placement_map": str(page), "placement_assert": False, **variables}
    )
    run(folder, "ansible-playbook", "-i", "fleet.imds.yml", "play.yml", "-e", wanted)
    first = page.read_bytes()
    if len(documents) < 100:
        # The map does not depend on the time or on chance.
        again = run(folder, "ansible-playbook", "-i", "fleet.imds.yml", "play.yml", "-e", wanted)
        assert "changed=0" in again
        assert page.read_bytes() == first
    listed = json.loads(run(folder, "ansible-inventory", "-i", "fleet.imds.yml", "--list"))
    hosts = listed.pop("_meta")["hostvars"]
    assert len(hosts) == len(documents)
    groups = {name: group.get("hosts", []) for name, group in listed.items()}
    return Drawn(page.as_uri(), hosts, groups)


def run(folder: pathlib.Path, *command: str) -> str:
    return output_of(*command, cwd=folder, timeout=600)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    driver.set_page_load_timeout(120)
    try:
        yield driver
    finally:
        driver.quit()


def resize(driver: webdriver.Chrome, across: int, down: int) -> None:
    metrics = {"width": across, "height": down, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


class Page:
    """A map in the browser."""

    def __init__(self, driver: webdriver.Chrome, drawn: Drawn, width: str, scheme: str) -> None:
        self.driver = driver
        self.name = f"{len(drawn.hosts)}-{width}-{scheme}"
        resize(driver, *WIDTHS[width])
        feature = {"name": "prefers-color-scheme", "value": scheme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        # Messages about the browser's own pages do not count.
        driver.get("about:blank")
        driver.get_log("browser")
        driver.get(drawn.url)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def script(self, text: str, *arguments: t.Any) -> t.Any:
        return self.driver.execute_script(text, *arguments)

    def count(self, selector: str) -> int:
        found: int = self.script("return document.querySelectorAll(arguments[0]).length", selector)
        return found

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.script(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)",
            selector,
        )
        return found

    def screenshot(self, more: str = "") -> None:
        folder = pathlib.Path(os.environ.get("IMDS_SCREENSHOTS", "."))
        self.driver.save_screenshot(str(folder / f"map-{self.name}{more}.png"))

    def assert_quiet(self) -> None:
        """Checks that the console has no messages, and that the page sent no requests."""
        assert self.driver.get_log("browser") == []
        assert (
            self.script("return performance.getEntriesByType('resource').map((e) => e.name)") == []
        )


Open = t.Callable[..., Page]


@pytest.fixture
def show(chromium: webdriver.Chrome) -> t.Iterator[Open]:
    """Opens a map. At the end, checks that it was silent."""
    pages: list[Page] = []

    def opened(drawn: Drawn, width: str = "wide", scheme: str = "light") -> Page:
        pages.append(Page(chromium, drawn, width, scheme))
        return pages[-1]

    yield opened
    for page in pages[-1:]:
        page.assert_quiet()
