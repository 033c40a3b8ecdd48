"use strict";
// What every page has. Everything from a log or a node arrives as text and is set as text: it is never parsed as HTML.
const page = (function () {
  const byId = (id) => document.getElementById(id);

  /** An element with attributes and children; strings are text. */
  function make(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /** The same in SVG. */
  function draw(name, attributes = {}, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  /** Text that may be broken behind a colon or a slash, as the names of service accounts and files must be. */
  function breakable(text) {
    return String(text).split(/(?<=[:/])/).flatMap((part, i) => (i ? [make("wbr"), part] : [part]));
  }

  /** A row of a table from texts; `classes`: of its cells. */
  function row(cells, classes = []) {
    const tr = make("tr");
    cells.forEach((text, i) => tr.append(make("td", classes[i] ? { class: classes[i] } : {}, ...(classes[i] === "time" ? [text] : breakable(text)))));
    return tr;
  }

  /** `2026-11-25 14:28:27.032123` of seconds since 1970, in UTC; `digits`: of the second. */
  function time(at, digits = 6) {
    if (!at) return "(no time)";
    const micros = Math.round(at * 1e6);
    const whole = new Date(Math.floor(micros / 1000)).toISOString().replace("T", " ").slice(0, 19);
    return digits ? `${whole}.${String(micros % 1e6).padStart(6, "0").slice(0, digits)}` : whole;
  }

  // what is folded on the screen is printed, and pictures are drawn for paper: as wide as it is, and light
  const PAPER = 700;
  const root = document.documentElement;
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((one) => (one.open = true));
    root.classList.add("printing");
    dispatchEvent(new Event("resize"));
  });
  addEventListener("afterprint", () => {
    opened.forEach((one) => (one.open = false));
    root.classList.remove("printing");
    dispatchEvent(new Event("resize"));
  });

  /** How wide a picture in an element may be. */
  function width(element) {
    return root.classList.contains("printing") ? PAPER : Math.max(element.clientWidth, 280);
  }

  /** Starts of servers that can be told apart in a picture; many are short marks, which hide nothing. */
  function starts(found, place, apart) {
    const kept = [];
    for (const one of found) if (!kept.length || place(one.at) - place(kept[kept.length - 1].at) >= apart) kept.push(one);
    return { kept, short: kept.length > 40 };
  }

  const data = JSON.parse(byId("data").textContent);
  return { byId, data, draw, make, row, starts, time, width };
})();
