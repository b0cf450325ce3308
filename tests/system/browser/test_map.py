# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the map shows the data of the inventory, in each window and without a mouse or colours."""

from __future__ import annotations

import collections
import re

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from . import fleets
from .conftest import SCHEMES, WIDTHS, Draw, Drawn, Open, Page

RULES = {
    "placement_group": "tag_Role_web",
    "placement_min_zones": 3,
    "placement_max_share": 0.2,
}


@pytest.fixture
def small(draw: Draw) -> Drawn:
    return draw(40, **RULES)


def shown(page: Page) -> list[str]:
    return page.texts("#rows tr:not([hidden]) td:first-child")


def focused(page: Page) -> str:
    """The name of the host whose cell or row has the focus."""
    name: str = page.script(
        "const e = document.activeElement; if (!e.dataset.host) return e.id || e.tagName;"
        "return JSON.parse(document.getElementById('data').textContent).hosts[e.dataset.host].name"
    )
    return name


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.driver.switch_to.active_element.send_keys(key)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("size", [5, 400, 5000])
def test_counts_are_those_of_the_inventory(
    draw: Draw, show: Open, size: int, width: str, scheme: str
) -> None:
    drawn = draw(size, **RULES) if size > 5 else draw(size)
    page = show(drawn, width, scheme)
    page.screenshot()
    assert page.count(".host") == page.count("#rows tr") == size
    assert sorted(page.texts("#rows td:first-child")) == sorted(drawn.hosts)
    assert page.one("#found").text == f"All {size:,} hosts"
    places = drawn.places()
    assert page.one("#summary").text.split(" · ") == [
        f"{size:,} hosts",
        f"{len({place[0] for place in places})} locations",
        f"{len({place[:2] for place in places if place[1]})} zones",
    ]
    assert cells(page) == places
    # Nothing is cut off. Wide elements scroll in their own box.
    assert page.script("return document.documentElement.scrollWidth <= window.innerWidth")


def cells(page: Page) -> collections.Counter[tuple[str, str, str, str]]:
    """The number of hosts in each place, by the labels above and beside them."""
    read = page.script(
        """
        const found = [];
        for (const section of document.querySelectorAll(".location")) {
          const location = section.querySelector("h4").firstChild.textContent;
          const zones = [...section.querySelectorAll("thead th")].map((e) => e.firstChild.textContent);
          for (const body of section.querySelectorAll("tbody")) {
            const set = body.querySelector("th.set");
            for (const line of body.querySelectorAll("tr:has(td)")) {
              const domain = line.querySelector("th").textContent;
              line.querySelectorAll("td").forEach((cell, index) => {
                const hosts = cell.querySelectorAll(".host").length;
                found.push([location, zones[index], set ? set.textContent : "", domain, hosts]);
              });
            }
          }
        }
        return found;
        """
    )
    return collections.Counter(
        {
            (
                place,
                zone.removeprefix("Zone ").replace("No zone", ""),
                scale_set,
                re.sub("No scale set|No FD|FD ", "", domain),
            ): count
            for place, zone, scale_set, domain, count in read
            if count
        }
    )


def test_a_hostile_tag_is_text(small: Drawn, show: Open) -> None:
    page = show(small)
    page.one("#search").send_keys("note=</script>")
    (name,) = shown(page)
    page.one("#rows tr:not([hidden])").click()
    assert fleets.HOSTILE in page.texts("#detail dd")
    assert fleets.HOSTILE in page.texts("#detail dt")
    select = Select(page.one("#colour"))
    select.select_by_visible_text("Note")
    assert page.texts("#rows tr[aria-current] td")[0] == name
    assert fleets.HOSTILE in page.texts("#legend span")
    assert page.count("img, iframe, object, embed, link[rel=stylesheet]") == 0
    assert page.count("script") == 2
    assert page.driver.title == "Fleet"


def test_a_hostile_title_is_text(draw: Draw, show: Open) -> None:
    page = show(draw(5, placement_map_title="</title><img src=x onerror=alert(1)> {{ '{{' }}"))
    assert page.one("h1").text == "</title><img src=x onerror=alert(1)> {{"
    assert page.driver.title == "</title><img src=x onerror=alert(1)> {{"
    assert page.count("img") == 0


def test_search(small: Drawn, show: Open) -> None:
    page = show(small)
    search = page.one("#search")
    search.send_keys("role=WEB")
    expected = sorted(small.groups["tag_Role_web"])
    assert shown(page) == expected
    assert page.one("#found").text == f"{len(expected)} of 40 hosts"
    assert page.count(".host:not(.faded)") == len(expected)
    search.send_keys(", zone 1")
    zone = set(small.groups["zone_1"])
    assert shown(page) == [name for name in expected if name in zone]
    search.send_keys(", no such thing")
    assert shown(page) == []
    assert page.one("#found").text == "0 of 40 hosts"
    search.send_keys(Keys.CONTROL, "a")
    search.send_keys(Keys.BACKSPACE)
    assert len(shown(page)) == 40


def test_sorting(small: Drawn, show: Open) -> None:
    page = show(small)
    domains = {name: host["azure_imds"]["compute"]["zone"] for name, host in small.hosts.items()}
    names = sorted(domains)
    assert shown(page) == names
    head = page.one("#head th:nth-child(3)")
    assert head.get_attribute("aria-sort") == "none"
    head.find_element("css selector", "button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    # Empty values stay at the end in both directions.
    assert shown(page) == sorted(names, key=lambda name: (not domains[name], domains[name]))
    head.find_element("css selector", "button").click()
    assert head.get_attribute("aria-sort") == "descending"
    falling = sorted(names, key=lambda name: domains[name], reverse=False)
    assert shown(page) == sorted(
        falling, key=lambda name: (not domains[name], -int(domains[name] or 0))
    )
    page.one("#head th:nth-child(1) button").send_keys(Keys.ENTER)
    assert shown(page) == names
    assert page.count("th[aria-sort=ascending]") == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_keyboard(small: Drawn, show: Open, width: str) -> None:
    page = show(small, width)
    # The fleet is one stop of the Tab key, and the table is another one.
    assert page.count(".host[tabindex='0']") == page.count("#rows tr[tabindex='0']") == 1
    page.one("#search").send_keys(Keys.TAB)
    assert focused(page) == "colour"
    press(page, Keys.TAB)
    assert focused(page) == "only"
    for _button in range(page.count("#legend button")):
        press(page, Keys.TAB)
    press(page, Keys.TAB)
    if focused(page) not in small.hosts:
        # A map that is wider than the window scrolls, and the keyboard can reach the scrolled part.
        press(page, Keys.TAB)
    order = page.script("return [...document.querySelectorAll('.host')].map((e) => e.textContent)")
    assert focused(page) == order[0]
    press(page, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert focused(page) == order[2]
    press(page, Keys.ARROW_LEFT)
    assert focused(page) == order[1]
    press(page, Keys.END)
    assert focused(page) == order[-1]
    press(page, Keys.HOME, Keys.ARROW_DOWN)
    assert focused(page) != order[0]
    press(page, Keys.ARROW_UP)
    below = page.script(
        "const [a, b] = [document.querySelector('.host'), document.activeElement].map((e) => e.getBoundingClientRect());"
        "return b.top <= a.top + 1"
    )
    assert below
    press(page, Keys.HOME, Keys.ENTER)
    assert page.one("#detail h3").text == order[0]
    assert page.texts("#rows tr[aria-current] td:first-child") == [order[0]]
    assert page.count(".host[aria-current]") == 1
    press(page, Keys.ESCAPE)
    assert page.count("[aria-current]") == 0
    page.script("document.querySelector('#rows tr[tabindex=\"0\"]').focus()")
    names = shown(page)
    assert focused(page) == names[0]
    press(page, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert focused(page) == names[2]
    press(page, Keys.ENTER)
    assert page.one("#detail h3").text == names[2]
    assert focused(page) == names[2]
    press(page, Keys.END)
    assert focused(page) == names[-1]


def test_the_replicas_that_would_have_to_move_are_marked(shop: Drawn, show: Open) -> None:
    page = show(shop)
    # 6 of 15 hosts are in one zone, and 3 are allowed. Two locations have no zones.
    surplus, zoneless = ["web-03", "web-04", "web-05"], ["web-11"]
    marked = sorted([*surplus, *zoneless])
    assert sorted(page.texts(".host.bad span")) == marked
    assert page.one("#verdict").text.endswith("2 violations")
    assert page.one("#rules-title").text == "Required of all (15 hosts)"
    assert page.one("#marks").text.startswith(
        "The sign \u26a0\ufe0e marks replicas that would have"
    )
    # Locations with hosts that have to move come first.
    assert page.texts(".location h4 .bad") == ["\u26a0\ufe0e 1 to move", "\u26a0\ufe0e 3 to move"]
    assert page.texts("#rule-list li") == [
        "at least 1 zone in each location",
        "at most 25% of the hosts in one zone or fault domain",
    ]
    page.one("#only").click()
    assert shown(page) == marked
    assert page.texts("#rows tr:not([hidden]) td:last-child") == ["to move"] * len(marked)
    page.one("#rows tr:not([hidden])").click()
    assert "at most 25% are allowed" in page.one("#detail dd.bad").text
    page.screenshot("-marks")


@pytest.mark.parametrize("width", WIDTHS)
def test_clouds_and_sets_stand_apart(shop: Drawn, show: Open, width: str) -> None:
    page = show(shop, width)
    page.screenshot("-shop")
    assert page.texts(".cloud") == ["AzurePublicCloud", "AzureUSGovernmentCloud"]
    under = page.script(
        """
        const found = {};
        let cloud = "";
        for (const element of document.getElementById("locations").children) {
          if (element.matches(".cloud")) found[cloud = element.textContent] = [];
          else found[cloud].push(element.querySelector("h4").firstChild.textContent);
        }
        return found;
        """
    )
    assert under == {
        "AzurePublicCloud": ["paris1 (edge zone of westeurope)", "westeurope", "eastus2"],
        "AzureUSGovernmentCloud": ["usgovvirginia"],
    }
    sections = page.driver.find_elements("css selector", ".location")
    (europe,) = (one for one in sections if "Zone 3" in one.text)
    rows = [head.text for head in europe.find_elements("css selector", "tbody th")]
    assert rows == [
        "web (resource group shop-2, subscription sub-1)",
        "FD 0",
        "web (resource group shop, subscription sub-1)",
        *("FD 0", "FD 1", "FD 2"),
        "No scale set",
    ]
    (notice,) = page.texts("#notices li")
    assert notice.startswith("eastus2 (AzurePublicCloud): the zones of its 2 subscriptions")
    page.one("#search").send_keys("racks/hosts/h1")
    assert shown(page) == ["web-13"]
    assert page.script("return document.documentElement.scrollWidth <= window.innerWidth")


def test_all_options_are_optional(draw: Draw, show: Open) -> None:
    page = show(draw(5))
    assert not page.one("#rules").is_displayed()
    assert not page.one("#only").is_displayed()
    assert not page.one("#verdict").is_displayed()
    assert page.count(".bad") == 0
    assert page.count("#head th") == page.count("#hosts col") == 5


def legend(page: Page) -> dict[str, int]:
    counts = (int(text.replace(",", "")) for text in page.texts("#legend b"))
    return dict(zip(page.texts("#legend span"), counts, strict=True))


def test_colours(small: Drawn, show: Open) -> None:
    page = show(small)
    select = Select(page.one("#colour"))
    select.select_by_visible_text("Role")
    assert legend(page) == small.tag("Role")
    assert page.one("#head th:nth-child(5)").text == "Role"
    colours = page.script(
        "return [...document.querySelectorAll('#legend i')].map((e) => getComputedStyle(e).backgroundColor)"
    )
    assert len(set(colours)) == len(colours)
    button = page.one("#legend button")
    button.click()
    value = button.find_element("css selector", "span").text
    assert button.get_attribute("aria-pressed") == "true"
    assert len(shown(page)) == small.tag("Role")[value]
    button.click()
    assert len(shown(page)) == 40
    # There are more values than colours. The others share one colour, with their number.
    select.select_by_visible_text("Team")
    values = small.tag("Team")
    assert len(legend(page)) == 11
    assert legend(page)[f"{len(values) - 10} other values"] == 40 - sum(
        n for _value, n in values.most_common(10)
    )
    # A tag without a value differs from an absent tag.
    select.select_by_visible_text("Backup")
    assert set(legend(page)) == {"(empty)", "none"}
    # This also works for any other group.
    select.select_by_visible_text("zone_1")
    inside = len(small.groups["zone_1"])
    assert legend(page) == {"in zone_1": inside, "not in it": 40 - inside}


def test_a_screen_reader_has_words_for_everything(small: Drawn, show: Open) -> None:
    page = show(small)
    page.driver.execute_cdp_cmd("Accessibility.enable", {})
    nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = (
        "button",
        "checkbox",
        "combobox",
        "columnheader",
        "rowheader",
        "searchbox",
        "table",
        "region",
        "search",
    )
    counts: collections.Counter[str] = collections.Counter()
    for node in nodes:
        role = node.get("role", {}).get("value")
        if role in named and not node.get("ignored"):
            counts[role] += 1
            assert node["name"]["value"].strip(), node
    assert counts["button"] >= 40
    assert counts["table"] > 1
    name, host = next(iter(small.hosts.items()))
    label = page.script(
        "return [...document.querySelectorAll('.host')].find((e) => e.textContent === arguments[0]).getAttribute('aria-label')",
        name,
    )
    compute = host["azure_imds"]["compute"]
    assert label.startswith(
        f"{name}, {compute['location']}, Zone {compute['zone']}"
        if compute["zone"]
        else f"{name}, {compute['location']}, No zone"
    )
    assert "Env: " in label
    assert page.script("return document.documentElement.lang") == "en"


# Pairs of colours, and the contrast that WCAG 2.2 requires: 4.5 for text, 3 for shapes.
CONTRASTS = [
    *((text, on, 4.5) for text in ("text", "quiet") for on in ("page", "panel", "soft")),
    ("bad", "panel", 4.5),
    ("bad", "bad-soft", 4.5),
    ("good", "good-soft", 4.5),
    *((f"c{number}", on, 3.0) for number in range(10) for on in ("panel", "soft")),
    ("accent", "page", 3.0),
]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrast(draw: Draw, show: Open, scheme: str) -> None:
    page = show(draw(5), scheme=scheme)
    names = sorted({name for pair in CONTRASTS for name in pair[:2]})
    values = page.script(
        "const style = getComputedStyle(document.documentElement);"
        "return arguments[0].map((name) => style.getPropertyValue('--' + name).trim())",
        names,
    )
    colours = dict(zip(names, values, strict=True))
    low = {
        (one, other): round(contrast(colours[one], colours[other]), 2)
        for one, other, least in CONTRASTS
        if contrast(colours[one], colours[other]) < least
    }
    assert low == {}


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_five_thousand_hosts_stay_usable(draw: Draw, show: Open) -> None:
    page = show(draw(5000, **RULES))
    timing = page.script(
        "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
    )
    assert timing < 15_000, "a page that takes so long on a busy machine is too slow on a good one"
    milliseconds = page.script(
        "const start = performance.now();"
        "const search = document.getElementById('search'); search.value = 'role=web';"
        "search.dispatchEvent(new Event('input', { bubbles: true }));"
        "document.body.getBoundingClientRect();"
        "return performance.now() - start"
    )
    assert milliseconds < 3_000
    assert len(shown(page)) == page.count(".host:not(.faded)") > 1000
    page.screenshot("-search")
    page.one(".location:last-child .host").send_keys(Keys.ARROW_DOWN)
    assert page.script("return document.activeElement.classList.contains('host')")


def test_there_may_be_no_hosts(draw: Draw, show: Open) -> None:
    page = show(draw(5, placement_map_group="ungrouped"))
    assert page.one("#summary").text.startswith("0 hosts")
    assert page.one("#locations").text == "There are no hosts."


def test_hosts_whose_place_is_not_known_are_shown(draw: Draw, show: Open) -> None:
    page = show(draw(5, lost=2, placement_min_zones=1))
    assert page.one("#summary").text.endswith(" · 2 not known")
    assert page.texts(".location h4")[0].startswith("Not known")
    assert page.texts(".host.bad span") == ["lost-0", "lost-1"]
    assert "lost-0, lost-1" in page.one("#violation-list").text
    assert len(shown(page)) == 7
