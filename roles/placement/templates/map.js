/*
Copyright (c) 2026, the imds.azure contributors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/
"use strict";
// Untrusted text is put into the page only by textContent and attributes, never as HTML.
(() => {
  const COLOURS = 10;
  const data = JSON.parse(document.getElementById("data").textContent);
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const byId = (id) => document.getElementById(id);
  const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

  function make(name, options = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(options)) {
      if (key === "text") element.textContent = value;
      else if (key === "class") element.className = value;
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  }

  const hosts = data.hosts.map((host, number) => {
    const tags = new Map(host.tags);
    const groups = host.groups.map((group) => data.groups[group]);
    const words = [host.name, host.cloud, host.location, host.edgeZone, host.scaleSet, host.physicalZone, host.subscription, host.dedicatedHost, host.size, ...groups, ...host.tags.map(([name, value]) => `${name}=${value}`)];
    if (host.zone) words.push(`zone ${host.zone}`);
    if (host.faultDomain) words.push(`fault domain ${host.faultDomain}`);
    const site = host.edgeZone ? `${host.edgeZone} (edge zone of ${host.location})` : host.location;
    return { ...host, number, site, tags, groups, groupSet: new Set(host.groups), words: words.join("\n").toLowerCase(), shown: true };
  });

  // The possible colourings of hosts: a label, and a function that returns the value of a host ("" for none).
  const schemes = [
    // The number of a fault domain has no meaning outside its scale set.
    { group: "Place", label: "Fault domain", value: (host) => (host.scaleSet && host.faultDomain ? `FD ${host.faultDomain} of ${host.scaleSet}` : "") },
    { group: "Place", label: "Zone", value: (host) => host.column },
    { group: "Place", label: "Location", value: (host) => host.site },
    { group: "Place", label: "Scale set", value: (host) => host.scaleSet },
    { group: "Place", label: "Size", value: (host) => host.size },
  ];
  for (const [label, key] of [["Cloud", "cloud"], ["Subscription", "subscription"], ["Physical zone", "physicalZone"], ["Dedicated host", "dedicatedHost"]]) {
    if (hosts.some((host) => host[key])) schemes.push({ group: "Place", label, value: (host) => host[key] });
  }
  const tagNames = [...new Set(hosts.flatMap((host) => [...host.tags.keys()]))].sort(collator.compare);
  for (const name of tagNames) {
    schemes.push({ group: "Tags", label: name, value: (host) => (host.tags.has(name) ? host.tags.get(name) || "(empty)" : "") });
  }
  data.groups.forEach((name, index) => {
    schemes.push({ group: "Groups", label: name, value: (host) => (host.groupSet.has(index) ? `in ${name}` : "") });
  });

  // The initial colouring uses the most informative tag: one with few values that many hosts have.
  function bestScheme() {
    let [best, most] = [schemes[0], 0];
    for (const scheme of schemes.filter((one) => one.group === "Tags")) {
      const values = hosts.map(scheme.value).filter(Boolean);
      const distinct = new Set(values).size;
      if (distinct > 1 && distinct <= COLOURS && values.length > most) [best, most] = [scheme, values.length];
    }
    return best;
  }

  const state = { scheme: bestScheme(), picked: null, search: "", only: false, sort: "name", down: false, chosen: null };

  function domainOf(host) {
    if (!host.faultDomain) return "No fault domain";
    return `Fault domain ${host.faultDomain} ${host.scaleSet ? `of ${host.scaleSet}` : "(no scale set)"}`;
  }
  function placeOf(host) { return host.location ? `${host.site}, ${host.column || "No zone"}, ${domainOf(host)}` : "place not known"; }
  function ruleOf(host) { return host.violations.length ? (host.location ? "to move" : "not known") : ""; }

  // ---- head

  function drawHead() {
    const known = hosts.filter((host) => host.location);
    const locations = new Set(known.map(locationKey));
    byId("title").textContent = data.title;
    const lost = hosts.length - known.length;
    byId("summary").textContent = [plural(hosts.length, "host"), plural(locations.size, "location"), plural(data.zones, "zone")]
      .concat(lost ? [`${lost.toLocaleString("en")} not known`] : []).join(" · ");
    const bad = data.violations.length;
    const marked = hosts.some((host) => host.violations.length);
    byId("only-label").hidden = byId("marks").hidden = !marked;
    byId("notices").append(...data.notices.map((text) => make("li", { text })));
    if (!data.rules.length) return;
    byId("rules").hidden = false;
    byId("rules-title").textContent = `Required of ${data.group} (${plural(data.replicas, "host")})`;
    byId("rule-list").append(...data.rules.map((text) => make("li", { text })));
    byId("violation-list").append(...data.violations.map((text) => make("li", { text })));
    byId("verdict").className = bad ? "bad" : "good";
    byId("verdict").textContent = bad ? `\u26A0\uFE0E ${plural(bad, "violation")}` : "\u2713 All rules are met";
  }

  // ---- map

  function locationKey(host) { return JSON.stringify([host.cloud, host.location, host.edgeZone]); }

  function grouped(list, key) {
    const found = new Map();
    for (const item of list) {
      const name = key(item);
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(item);
    }
    return found;
  }

  function sortedKeys(map) {
    // Empty values come last.
    return [...map.keys()].sort((one, other) => (!one - !other) || collator.compare(one, other));
  }

  function drawMap() {
    const density = hosts.length <= 80 ? "large" : hosts.length <= 900 ? "medium" : "small";
    const locations = byId("locations");
    locations.className = density;
    const marked = (members) => members.some((host) => host.violations.length);
    // Locations with hosts that have to move come first. The sort is stable, so names stay in order.
    const ordered = (map) => sortedKeys(map).sort((one, other) => marked(map.get(other)) - marked(map.get(one)));
    const clouds = grouped(hosts, (host) => host.cloud);
    let index = 0;
    for (const cloud of ordered(clouds)) {
      locations.append(make("h3", { class: "cloud", text: cloud || "Cloud not known" }));
      const places = grouped(clouds.get(cloud), (host) => host.site);
      for (const site of ordered(places)) locations.append(drawLocation(site, places.get(site), index++));
    }
    if (!hosts.length) locations.append(make("p", { class: "nothing", text: "There are no hosts." }));
    const first = locations.querySelector(".host");
    if (first) first.tabIndex = 0;
  }

  function zoneCount(count) {
    const [number, unit] = plural(count, "host").split(" ");
    return make("small", { text: ` · ${number}` }, make("span", { class: "unit", text: ` ${unit}` }));
  }

  function drawLocation(site, members, index) {
    const zones = grouped(members, (host) => host.column);
    const zoneNames = sortedKeys(zones);
    const title = make("h4", { id: `location-${index}`, text: site || "Not known" }, make("small", { text: plural(members.length, "host") }));
    const bad = members.filter((host) => host.violations.length).length;
    if (bad) title.append(make("small", { class: "bad", text: `\u26A0\uFE0E ${bad.toLocaleString("en")} ${site ? "to move" : "not known"}` }));
    const corner = make("tr", {}, make("td", { style: "background: none" }));
    for (const zone of zoneNames) {
      corner.append(make("th", { scope: "col", text: zone || "No zone" }, zoneCount(zones.get(zone).length)));
    }
    const sets = grouped(members, (host) => host.scaleSet);
    const bodies = sortedKeys(sets).map((name) => drawSet(name, sets.get(name), zoneNames));
    const grid = make("table", { class: "grid", "aria-labelledby": `location-${index}` }, make("thead", {}, corner), ...bodies);
    const fullest = Math.max(...[...grid.querySelectorAll(".cell")].map((cell) => cell.childElementCount));
    const section = make("section", { class: "location", "aria-labelledby": `location-${index}` }, title, grid);
    section.style.setProperty("--beside", Math.min(20, Math.max(4, Math.ceil(Math.sqrt(2 * fullest)))));
    section.style.setProperty("--zones", zoneNames.length);
    return section;
  }

  // Only a scale set has rows of fault domains: elsewhere, their numbers can't be compared.
  function drawSet(name, members, zoneNames) {
    const body = make("tbody");
    if (name) body.append(make("tr", {}, make("th", { class: "set", scope: "rowgroup", colspan: zoneNames.length + 1, text: name, title: `Scale set ${name}` })));
    const domains = grouped(members, (host) => (name ? host.faultDomain : ""));
    for (const domain of sortedKeys(domains)) {
      const label = name ? (domain ? `FD ${domain}` : "No FD") : "No scale set";
      const line = make("tr", {}, make("th", { scope: "row", text: label }));
      const inZone = grouped(domains.get(domain), (host) => host.column);
      for (const zone of zoneNames) {
        line.append(make("td", {}, make("div", { class: "cell" }, ...(inZone.get(zone) || []).map(drawHost))));
      }
      body.append(line);
    }
    return body;
  }

  function drawHost(host) {
    const cell = make("button", { type: "button", tabindex: "-1", class: host.violations.length ? "host bad" : "host", "data-host": host.number });
    if (hosts.length <= 80) cell.append(make("i"), make("span", { text: host.name }));
    host.cell = cell;
    return cell;
  }

  // ---- table

  const columns = [
    { key: "name", label: () => "Host", value: (host) => host.name },
    { key: "location", label: () => "Location", value: (host) => host.site },
    { key: "zone", label: () => "Zone", value: (host) => host.zone },
    { key: "domain", label: () => "FD", value: (host) => host.faultDomain, title: "Fault domain" },
    { key: "value", label: () => state.scheme.label, value: (host) => state.scheme.value(host) },
  ];
  if (data.rules.length) columns.push({ key: "rule", label: () => "Rules", value: ruleOf });
  else document.querySelector(".c-rule").remove();

  function drawTable() {
    for (const column of columns) {
      const button = make("button", { type: "button" }, make("span"));
      button.addEventListener("click", () => {
        state.down = state.sort === column.key && !state.down;
        state.sort = column.key;
        sortTable();
      });
      column.head = make("th", { scope: "col" }, button);
      if (column.title) button.title = column.title;
      byId("head").append(column.head);
    }
    for (const host of hosts) {
      const swatch = make("i");
      const value = make("td", {}, swatch, make("span"));
      host.row = make("tr", { tabindex: "-1", "data-host": host.number },
        make("td", { text: host.name, title: host.name }), make("td", { text: host.site, title: host.site }),
        make("td", { text: host.zone, title: host.column }), make("td", { text: host.faultDomain }), value);
      if (data.rules.length) host.row.append(make("td", { text: ruleOf(host), class: host.violations.length ? "bad" : "" }));
      host.swatch = swatch;
      host.valueText = value.lastChild;
      host.valueCell = value;
    }
  }

  function sortTable() {
    const column = columns.find((one) => one.key === state.sort);
    const sign = state.down ? -1 : 1;
    const keyed = hosts.map((host) => [column.value(host), host]);
    // Empty values stay at the end in both directions of the sort.
    keyed.sort(([one, host], [other, neighbour]) =>
      (!one - !other) || sign * collator.compare(one, other) || collator.compare(host.name, neighbour.name));
    byId("rows").append(...keyed.map(([, host]) => host.row));
    for (const one of columns) {
      one.head.querySelector("span").textContent = one.label();
      one.head.setAttribute("aria-sort", one === column ? (state.down ? "descending" : "ascending") : "none");
    }
    reachable();
  }

  // ---- colours

  function drawSchemes() {
    for (const [group, members] of grouped(schemes, (scheme) => scheme.group)) {
      const options = members.map((scheme) => make("option", { value: schemes.indexOf(scheme), text: scheme.label }));
      for (const option of options) option.selected = schemes[Number(option.value)] === state.scheme;
      byId("colour").append(make("optgroup", { label: group }, ...options));
    }
  }

  function paint() {
    const counts = new Map();
    for (const host of hosts) {
      const value = state.scheme.value(host);
      counts.set(value, (counts.get(value) || 0) + 1);
    }
    const named = [...counts.keys()].filter((value) => value !== "");
    const largest = named.sort((one, other) => counts.get(other) - counts.get(one) || collator.compare(one, other)).slice(0, COLOURS);
    const rest = named.length - largest.length;
    largest.sort(collator.compare);
    const classes = new Map(largest.map((value, index) => [value, { key: value, label: value, colour: `var(--c${index})`, count: counts.get(value) }]));
    const other = { key: "\0other", label: `${plural(rest, "other value")}`, colour: "var(--c-other)", count: 0 };
    const none = { key: "\0none", label: state.scheme.group === "Groups" ? "not in it" : "none", colour: "var(--c-none)", count: counts.get("") || 0 };
    for (const host of hosts) {
      const value = state.scheme.value(host);
      host.paint = value === "" ? none : classes.get(value) || other;
      if (host.paint === other) other.count += 1;
      host.cell.style.setProperty("--own", host.paint.colour);
      host.swatch.style.setProperty("--own", host.paint.colour);
      host.valueText.textContent = value || "–";
      host.valueCell.title = value;
      const rule = host.violations.length ? (host.location ? ", would have to move" : ", marked because its place is not known") : "";
      host.cell.setAttribute("aria-label", `${host.name}, ${placeOf(host)}, ${state.scheme.label}: ${value || "none"}${rule}`);
      host.cell.title = `${host.name}\n${placeOf(host)}\n${state.scheme.label}: ${value || "none"}${rule}`;
    }
    const entries = [...classes.values(), ...(rest ? [other] : []), ...(none.count ? [none] : [])];
    arrange(entries);
    byId("legend").replaceChildren(...entries.map((entry) => make("li", {}, legendButton(entry))));
  }

  // Hosts of one colour are next to each other, so that shares are visible.
  function arrange(entries) {
    const order = new Map(entries.map((entry, index) => [entry, index]));
    for (const members of grouped(hosts, (host) => host.cell.parentNode).values()) {
      members.sort((one, other) => order.get(one.paint) - order.get(other.paint) || collator.compare(one.name, other.name));
      members[0].cell.parentNode.append(...members.map((host) => host.cell));
    }
  }

  function legendButton(entry) {
    const swatch = make("i");
    swatch.style.setProperty("--own", entry.colour);
    const button = make("button", { type: "button", "aria-pressed": "false", title: entry.label },
      swatch, make("span", { text: entry.label }), make("b", { text: entry.count.toLocaleString("en") }));
    button.addEventListener("click", () => {
      state.picked = state.picked === entry.key ? null : entry.key;
      for (const one of byId("legend").querySelectorAll("button")) {
        one.setAttribute("aria-pressed", String(one === button && state.picked !== null));
      }
      filter();
    });
    return button;
  }

  // ---- filter

  function filter() {
    const words = state.search.toLowerCase().split(/\s*,\s*/).map((word) => word.trim()).filter(Boolean);
    let count = 0;
    for (const host of hosts) {
      host.shown = words.every((word) => host.words.includes(word)) && (!state.only || host.violations.length > 0)
        && (state.picked === null || host.paint.key === state.picked);
      host.row.hidden = !host.shown;
      host.cell.classList.toggle("faded", !host.shown);
      if (host.shown) count += 1;
    }
    byId("found").textContent = count === hosts.length ? `All ${plural(count, "host")}` : `${count.toLocaleString("en")} of ${plural(hosts.length, "host")}`;
    reachable();
  }

  // Tab reaches one row, and one host of the map. Arrow keys move between the others.
  function reachable() {
    const rows = byId("rows");
    const before = rows.querySelector('tr[tabindex="0"]');
    if (before) before.tabIndex = -1;
    const chosen = state.chosen && state.chosen.shown ? state.chosen.row : rows.querySelector("tr:not([hidden])");
    if (chosen) chosen.tabIndex = 0;
  }

  // ---- one host

  function choose(host, scroll) {
    if (state.chosen) {
      state.chosen.cell.removeAttribute("aria-current");
      state.chosen.row.removeAttribute("aria-current");
    }
    state.chosen = state.chosen === host ? null : host;
    byId("detail").replaceChildren();
    if (state.chosen) {
      host.cell.setAttribute("aria-current", "true");
      host.row.setAttribute("aria-current", "true");
      focusable(host.cell);
      drawDetail(host);
      if (scroll === "row" && host.shown) {
        const scroller = byId("scroller");
        scroller.scrollTop = host.row.offsetTop - scroller.clientHeight / 2;
      } else if (scroll === "cell") {
        host.cell.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
    }
    reachable();
  }

  function drawDetail(host) {
    const list = make("dl");
    const add = (name, value, style = "") => value && list.append(make("dt", { text: name }), make("dd", { text: value, class: style }));
    add("Cloud", host.cloud);
    add("Place", placeOf(host));
    add("Physical zone", host.physicalZone);
    add("Subscription", host.subscription);
    add("Scale set", host.scaleSet);
    add("Dedicated host", host.dedicatedHost);
    add("Size", host.size);
    for (const violation of host.violations) add(host.location ? "Would have to move" : "Marked", data.violations[violation], "bad");
    for (const [name, value] of host.tags) add(name || "(no name)", value || "(empty)");
    add("Groups", host.groups.join(", "));
    byId("detail").append(make("h3", { text: host.name }), list);
  }

  function focusable(cell) {
    const before = byId("locations").querySelector('.host[tabindex="0"]');
    if (before) before.tabIndex = -1;
    cell.tabIndex = 0;
  }

  function nextTo(cell, key) {
    const cells = [...byId("locations").querySelectorAll(".host")];
    const at = cells.indexOf(cell);
    if (key === "ArrowRight") return cells[at + 1];
    if (key === "ArrowLeft") return cells[at - 1];
    if (key === "Home") return cells[0];
    if (key === "End") return cells[cells.length - 1];
    // Up and down move to the nearest visible host in that direction.
    const own = cell.getBoundingClientRect();
    const down = key === "ArrowDown";
    let best;
    let least = Infinity;
    for (const other of cells) {
      const box = other.getBoundingClientRect();
      const away = down ? box.top - own.top : own.top - box.top;
      if (away < own.height / 2) continue;
      const distance = away + 3 * Math.abs(box.left - own.left);
      if (distance < least) [best, least] = [other, distance];
    }
    return best;
  }

  const MOVES = new Set(["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "Home", "End"]);

  function listen() {
    const map = byId("locations");
    const hostAt = (event) => {
      const element = event.target.closest("[data-host]");
      return element && hosts[Number(element.dataset.host)];
    };
    map.addEventListener("click", (event) => { const host = hostAt(event); if (host) choose(host, "row"); });
    map.addEventListener("keydown", (event) => {
      const host = hostAt(event);
      if (!host || !MOVES.has(event.key)) return;
      event.preventDefault();
      const next = nextTo(host.cell, event.key);
      if (!next) return;
      focusable(next);
      next.focus();
    });
    const rows = byId("rows");
    rows.addEventListener("click", (event) => { const host = hostAt(event); if (host) choose(host, "cell"); });
    rows.addEventListener("keydown", (event) => {
      const host = hostAt(event);
      if (!host) return;
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose(host, "cell");
        host.row.focus();
        return;
      }
      const shown = [...rows.querySelectorAll("tr:not([hidden])")];
      const at = shown.indexOf(host.row);
      const next = { ArrowDown: shown[at + 1], ArrowUp: shown[at - 1], Home: shown[0], End: shown[shown.length - 1] }[event.key];
      if (!next) return;
      event.preventDefault();
      next.tabIndex = 0;
      next.focus();
      host.row.tabIndex = -1;
    });
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && state.chosen) choose(state.chosen); });
    byId("search").addEventListener("input", (event) => { state.search = event.target.value; filter(); });
    byId("only").addEventListener("change", (event) => { state.only = event.target.checked; filter(); });
    byId("colour").addEventListener("change", (event) => {
      state.scheme = schemes[Number(event.target.value)];
      state.picked = null;
      paint();
      sortTable();
      filter();
    });
    byId("controls").addEventListener("submit", (event) => event.preventDefault());
  }

  drawHead();
  drawMap();
  drawTable();
  drawSchemes();
  paint();
  sortTable();
  filter();
  listen();
})();
