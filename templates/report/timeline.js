"use strict";
// The timeline of objects or of a user: a row each, what it was in between, a mark for every request.
(function () {
  const { byId, data, draw, make, row, time } = page;
  const { words, lanes, marks } = data.timeline;
  if (!marks.length) return;
  const MOST_ROWS = 24, MOST_LISTED = 500, NEAR = 9;
  const shapes = {
    create: "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0z",
    change: "M0,-6L6,0L0,6L-6,0z",
    delete: "M-5,-5L5,5M-5,5L5,-5",
    read: "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
    connect: "M0,-6L6,5L-6,5z",
    other: "M0,-4L0,4",
  };
  const titles = { create: "created", change: "changed", delete: "deleted", read: "read", connect: "connected", other: "other" };
  const requests = marks.map(([at, lane, sort, user, verb, resource, object, code, client, behind, file, line]) => ({
    at, lane, code, sort: data.sorts[sort], user: words[user], verb: words[verb], resource: words[resource],
    object: words[object], client: words[client], behind: words[behind], where: `${words[file]}:${line}`,
    text: [words[user], words[verb], words[resource], words[object], code, words[client], words[behind], time(at)].join(" ").toLowerCase(),
  }));
  const timed = requests.filter((one) => one.at);
  const first = Math.min(...timed.map((one) => one.at)), last = Math.max(...timed.map((one) => one.at));
  const margin = Math.max((last - first) * 0.02, 0.05);
  const whole = { from: first - margin, to: last + margin };
  let view = whole, hidden = new Set(), selected = null, everyRow = false, drawn = [], size = null;

  const refused = (one) => one.code >= 400;

  // ---- which requests
  function passes(one) {
    const asked = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean), who = byId("who").value;
    return (!who || one.user === who) && asked.every((word) => one.text.includes(word));
  }
  function chosen() {
    return requests.filter((one) => !hidden.has(one.sort) && !(hidden.has("refused") && refused(one)) && passes(one));
  }

  /** The rows in which most was done, in their order: reads and reports by themselves say little. */
  function weightiest(found, key, used) {
    const weights = new Map(used.map((one) => [one, 0]));
    for (const one of found) weights.set(key(one), weights.get(key(one)) + (["read", "other"].includes(one.sort) ? 0.001 : 1));
    const kept = new Set([...used].sort((a, b) => weights.get(b) - weights.get(a)).slice(0, MOST_ROWS - 1));
    return used.filter((one) => kept.has(one));
  }

  /** The rows of the picture: { kind, name, depth, states }, and the row of a request. */
  function rowsOf(found) {
    const byUser = byId("rows").value === "users";
    const key = byUser ? (one) => one.user : (one) => one.lane;
    const used = [...new Set(found.map(key))];
    if (!byUser) used.sort((a, b) => a - b);
    const shown = everyRow || used.length <= MOST_ROWS ? used : weightiest(found, key, used);
    const rows = shown.map((one) => (byUser ? { kind: "", name: one || "(nobody)", depth: 0, states: [] } : lanes[one]));
    const numbers = new Map(shown.map((one, i) => [one, i]));
    if (shown.length < used.length) rows.push({ kind: "", name: `${used.length - shown.length} more rows`, depth: 0, states: [], more: true });
    byId("every-row").hidden = shown.length === used.length;
    return { rows, at: (one) => numbers.get(key(one)) ?? rows.length - 1 };
  }

  // ---- drawing
  const steps = [0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000];
  function axis(svg, x, top, bottom) {
    const room = Math.max(Math.floor((size.width - size.left) / 110), 1);
    const step = steps.find((one) => (view.to - view.from) / one <= room) || 31536000;
    for (let at = Math.ceil(view.from / step) * step, n = 0; at <= view.to && n < 50; at += step, n++) {
      const text = time(at, step < 1 ? 3 : 0);
      svg.append(draw("line", { class: "grid", x1: x(at), x2: x(at), y1: top, y2: bottom }));
      if (x(at) < (size.narrow ? 124 : size.left + 24) || x(at) > size.width - 24) continue;
      const midnight = step >= 60 && text.slice(11, 16) === "00:00";
      const label = step >= 86400 ? text.slice(0, 10) : midnight ? text.slice(5, 10) : step >= 60 ? text.slice(11, 16) : text.slice(11);
      svg.append(draw("text", { class: "tick", x: x(at), y: top - 6 }, label));
    }
    svg.append(draw("text", { class: "date", x: 0, y: top - 6 }, `${time(view.from, 0).slice(0, 10)} UTC`));
  }

  function clip(text, width) {
    const fits = Math.floor(width / 7);
    return text.length <= fits ? text : fits < 2 ? "" : `${text.slice(0, fits - 1)}…`;
  }

  /** A name that is too long, without its middle: siblings differ at the end. */
  function clipName(name, width) {
    const fits = Math.floor(width / 7), end = Math.floor(fits / 2);
    return name.length <= fits ? name : fits < 8 ? clip(name, width) : `${name.slice(0, fits - end - 1)}…${name.slice(-end)}`;
  }

  const labelled = { before: "here before this log", made: "made by", changed: "changed by", going: "being deleted, by" };
  function stretches(svg, x, one, y) {
    for (const state of one.states) {
      const from = Math.max(x(state.begin ?? view.from), size.left), to = Math.min(x(state.end ?? view.to), size.width);
      if (to <= from) continue;
      const said = [labelled[state.how], state.by].filter(Boolean).join(" ");
      const box = draw("rect", { class: `state ${state.how}`, x: from, width: Math.max(to - from, 1), y: y + size.bar, height: 17, rx: 3 });
      box.append(draw("title", {}, `${said}, ${state.begin ? `from ${time(state.begin, 3)}` : ""} ${state.end ? `to ${time(state.end, 3)}` : "and not known to have ended"}`));
      svg.append(box);
      const text = clip(said, to - from - 10);
      if (text.length > 6) svg.append(draw("text", { class: "said", x: from + 5, y: y + size.bar + 12.5 }, text));
    }
  }

  function label(svg, one, y, number) {
    const indent = size.narrow ? 0 : one.depth * 14;
    if (one.depth && !size.narrow) svg.append(draw("path", { class: "owns", d: `M${indent - 7},${y - size.lane + 9}V${y}H${indent - 1}` }));
    const place = size.narrow ? y - 20 : y + 4;
    const kind = one.kind ? `${one.kind} ` : "", room = (size.narrow ? size.width : size.left - 8) - indent;
    const text = draw("text", { class: one.more ? "label more" : "label", x: indent, y: place });
    text.append(draw("tspan", { class: "kind" }, clip(kind, room)), draw("tspan", {}, clipName(one.name, room - kind.length * 7)));
    text.append(draw("title", {}, `${kind}${one.name}`));
    svg.append(text);
  }

  function background(svg, x, top, bottom) {
    const pattern = draw("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    pattern.append(draw("line", { class: "hatch", y2: 6 }));
    const defs = draw("defs");
    defs.append(pattern);
    svg.append(defs);
    for (const gap of data.gaps) {
      const from = Math.max(x(gap.begin), size.left), to = Math.min(x(gap.end), size.width);
      if (to <= from) continue;
      const box = draw("rect", { class: "gap", x: from, width: to - from, y: top, height: bottom - top });
      box.append(draw("title", {}, `no log of ${gap.node} from ${time(gap.begin, 0)} to ${time(gap.end, 0)}`));
      svg.append(box);
    }
    const { kept, short } = page.starts(data.restarts.filter((one) => one.at >= view.from && one.at <= view.to), x, 4);
    for (const start of kept) {
      const mark = draw("path", { class: short ? "start short" : "start", d: `M${x(start.at)},${top}V${short ? top + 7 : bottom}` });
      mark.append(draw("title", {}, `kube-apiserver of ${start.node} started at ${time(start.at, 0)}`));
      svg.append(mark);
    }
  }

  /** Requests of one row that would hide each other are one mark with their number. */
  function gathered(found, at, x) {
    const spots = new Map();
    for (const one of found) {
      if (!one.at || one.at < view.from || one.at > view.to) continue;
      const key = `${at(one)} ${one.sort} ${refused(one)} ${Math.round(x(one.at) / 5)}`;
      const spot = spots.get(key);
      if (spot) spot.all.push(one);
      else spots.set(key, { one, all: [one], x: x(one.at), row: at(one) });
    }
    // what changed something is drawn above what was only read or reported
    const order = ["other", "read", "connect", "change", "create", "delete"];
    return [...spots.values()].sort((a, b) => order.indexOf(a.one.sort) - order.indexOf(b.one.sort));
  }

  function describe(one) {
    const outcome = one.code ? ` → ${one.code}` : "";
    return `${time(one.at, 3)}  ${one.user || "(nobody)"}  ${one.verb} ${one.resource} ${one.object}${outcome}${one.behind ? `  behind it: ${one.behind}` : ""}`;
  }

  function picture(found) {
    const { rows, at } = rowsOf(found);
    const width = page.width(byId("picture")), narrow = width < 620;
    // where objects have states, these are below the marks
    const bar = rows.some((one) => one.states.length) ? 7 : 0;
    size = { width: width - 8, narrow, bar, left: narrow ? 0 : Math.min(300, width * 0.28), lane: (narrow ? 52 : 30) + (bar && 18), top: 26 };
    const bottom = size.top + rows.length * size.lane + 4;
    const svg = draw("svg", { viewBox: `0 0 ${width} ${bottom + 2}`, width, height: bottom + 2, "aria-hidden": "true" });
    const x = (moment) => size.left + ((moment - view.from) / (view.to - view.from)) * (size.width - size.left);
    const y = (number) => size.top + number * size.lane + (narrow ? 34 : 15);
    background(svg, x, size.top, bottom);
    axis(svg, x, size.top, bottom);
    rows.forEach((one, i) => {
      svg.append(draw("line", { class: "lane", x1: size.left, x2: size.width, y1: y(i), y2: y(i) }));
      stretches(svg, x, one, y(i));
      label(svg, one, y(i), i);
    });
    drawn = gathered(found, at, x);
    for (const spot of drawn) {
      const failed = refused(spot.one), own = spot.all.includes(selected) ? " selected" : "";
      const mark = draw("g", { class: `mark ${spot.one.sort}${own}`, transform: `translate(${spot.x},${y(spot.row)})` });
      if (own) mark.append(draw("circle", { class: "ring", r: 11 }));
      mark.append(draw("path", { d: shapes[spot.one.sort] }));
      if (failed) mark.append(draw("circle", { class: "refused", r: 8 }));
      mark.append(draw("title", {}, spot.all.length > 1 ? `${spot.all.length} requests, the first: ${describe(spot.one)}` : describe(spot.one)));
      svg.append(mark);
      spot.y = y(spot.row);
    }
    byId("picture").replaceChildren(svg);
  }

  /** The whole time, small, with the part in view; dragging on it moves the view. */
  function overview(found) {
    const width = page.width(byId("overview")), height = 34, bins = new Array(120).fill(0);
    const span = whole.to - whole.from;
    for (const one of found) if (one.at) bins[Math.min(119, Math.floor((120 * (one.at - whole.from)) / span))]++;
    const most = Math.max(...bins, 1);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    bins.forEach((n, i) => n && svg.append(draw("rect", { class: "bin", x: (i * width) / 120, width: width / 120 - 1, y: height - 2 - (24 * Math.sqrt(n / most)), height: 24 * Math.sqrt(n / most) })));
    const from = Math.max(0, ((view.from - whole.from) / span) * width), to = Math.min(width, ((view.to - whole.from) / span) * width);
    svg.append(draw("rect", { class: "window", x: from + 0.5, width: Math.max(to - from - 1, 3), y: 0.5, height: height - 1, rx: 3 }));
    byId("overview").replaceChildren(svg);
  }

  function table(found) {
    const listed = found.filter((one) => !one.at || (one.at >= view.from && one.at <= view.to));
    const few = listed.slice(0, MOST_LISTED);
    byId("requests").tBodies[0].replaceChildren(
      ...few.map((one) => row([time(one.at), one.user || "(nobody)", one.verb, one.resource, one.object, one.code || "", one.client, one.behind, one.where], ["time", "", "", "", "", "", "", "", "where"])),
    );
    const cut = listed.length > few.length ? `, the first ${few.length} in the table` : "";
    byId("shown").textContent = `${listed.length} of ${requests.length} requests in view${cut}`;
  }

  function show() {
    const found = chosen();
    picture(found);
    overview(found);
    table(found);
  }

  // ---- zoom
  function look(from, to) {
    const least = 0.002;
    if (to - from < least) [from, to] = [(from + to - least) / 2, (from + to + least) / 2];
    view = to - from >= whole.to - whole.from ? whole : { from, to };
    show();
  }
  function zoom(factor, shift, around = (view.from + view.to) / 2) {
    const span = (view.to - view.from) * factor, part = (around - view.from) / (view.to - view.from);
    const from = around - part * span + shift * span;
    look(from, from + span);
  }
  const all = () => look(whole.from, whole.to);
  byId("zoom-in").addEventListener("click", () => zoom(0.5, 0));
  byId("zoom-out").addEventListener("click", () => zoom(2, 0));
  byId("earlier").addEventListener("click", () => zoom(1, -0.5));
  byId("later").addEventListener("click", () => zoom(1, 0.5));
  byId("zoom-all").addEventListener("click", all);

  // ---- one request
  function select(one) {
    selected = one;
    const parts = one && [["Time", `${time(one.at)} UTC`], ["Who", one.user || "(nobody)"], ["From", one.client], ["Request", `${one.verb} ${one.resource} ${one.object}`],
      ["Answer", one.code || "not in the log"], ["Behind it", one.behind], ["Line", one.where]];
    byId("detail").replaceChildren(...(parts || []).filter(([, text]) => text).flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, String(text))]));
    if (one && one.at && (one.at < view.from || one.at > view.to)) {
      const half = (view.to - view.from) / 2;
      look(one.at - half, one.at + half);
    } else show();
  }
  function step(by) {
    const found = chosen().filter((one) => one.at);
    const now = found.indexOf(selected);
    const next = now < 0 ? found.findIndex((one) => one.at >= view.from) : Math.min(Math.max(now + by, 0), found.length - 1);
    if (found.length) select(found[Math.max(next, 0)]);
  }
  const keys = {
    ArrowRight: (shift) => (shift ? zoom(1, 0.25) : step(1)),
    ArrowLeft: (shift) => (shift ? zoom(1, -0.25) : step(-1)),
    "+": () => zoom(0.5, 0, selected ? selected.at : undefined),
    "=": () => zoom(0.5, 0, selected ? selected.at : undefined),
    "-": () => zoom(2, 0),
    0: all,
    Home: () => step(-requests.length),
    End: () => step(requests.length),
    Escape: () => (selected ? select(null) : all()),
  };
  byId("picture").addEventListener("keydown", (event) => {
    const does = keys[event.key];
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    does(event.shiftKey);
  });

  // ---- the brush
  const place = (event) => event.clientX - byId("picture").getBoundingClientRect().left;
  const moment = (at) => view.from + ((at - size.left) / (size.width - size.left)) * (view.to - view.from);
  let brush = null;
  byId("picture").addEventListener("pointerdown", (event) => {
    if (event.button || place(event) < size.left) return;
    const box = draw("rect", { class: "brush", y: size.top, height: 0 });
    byId("picture").firstChild.append(box);
    brush = { from: place(event), to: place(event), box };
    byId("picture").setPointerCapture(event.pointerId);
  });
  byId("picture").addEventListener("pointermove", (event) => {
    if (!brush) return;
    brush.to = Math.min(Math.max(place(event), size.left), size.width);
    const attributes = { x: Math.min(brush.from, brush.to), width: Math.abs(brush.to - brush.from), height: byId("picture").clientHeight - size.top };
    for (const [name, value] of Object.entries(attributes)) brush.box.setAttribute(name, value);
  });
  byId("picture").addEventListener("pointerup", (event) => {
    if (!brush) return;
    const { from, to, box } = brush;
    brush = null;
    box.remove();
    if (Math.abs(to - from) > 4) return look(moment(Math.min(from, to)), moment(Math.max(from, to)));
    const top = byId("picture").getBoundingClientRect().top;
    const near = drawn.map((spot) => [Math.hypot(spot.x - from, spot.y - (event.clientY - top)), spot]).sort((a, b) => a[0] - b[0])[0];
    if (near && near[0] <= NEAR) select(near[1].one);
  });
  byId("picture").addEventListener("pointercancel", () => (brush = null));
  byId("picture").addEventListener("dblclick", all);
  byId("picture").addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 0.8 : 1.25, 0, moment(place(event)));
  }, { passive: false });
  const along = (event) => whole.from + ((event.clientX - byId("overview").getBoundingClientRect().left) / byId("overview").clientWidth) * (whole.to - whole.from);
  byId("overview").addEventListener("pointerdown", (event) => {
    const begin = along(event);
    byId("overview").setPointerCapture(event.pointerId);
    byId("overview").onpointerup = (end) => {
      byId("overview").onpointerup = null;
      const stop = along(end), half = (view.to - view.from) / 2;
      if (Math.abs(stop - begin) > (whole.to - whole.from) / 200) look(Math.min(begin, stop), Math.max(begin, stop));
      else look(begin - half, begin + half);
    };
  });

  // ---- the choices
  function legend() {
    const count = (test) => requests.filter(test).length;
    const counted = [...data.sorts.map((sort) => [sort, count((one) => one.sort === sort)]), ["refused", count(refused)]];
    for (const [sort, n] of counted.filter(([, n]) => n)) {
      const icon = draw("svg", { viewBox: "-9 -9 18 18", width: 16, height: 16, "aria-hidden": "true", class: `mark ${sort}` });
      icon.append(sort === "refused" ? draw("circle", { class: "refused", r: 7 }) : draw("path", { d: shapes[sort] }));
      const button = make("button", { type: "button", "aria-pressed": "true", "data-sort": sort }, icon, `${titles[sort] || sort} ${n}`);
      button.addEventListener("click", () => {
        hidden.has(sort) ? hidden.delete(sort) : hidden.add(sort);
        button.setAttribute("aria-pressed", String(!hidden.has(sort)));
        show();
      });
      byId("sorts").append(button);
    }
    const users = new Map();
    for (const one of requests) users.set(one.user, (users.get(one.user) || 0) + 1);
    const listed = [...users].sort((a, b) => b[1] - a[1]).slice(0, 100).filter(([user]) => user);
    byId("who").append(...listed.map(([user, n]) => make("option", { value: user }, `${user} (${n})`)));
  }
  for (const [id, event] of [["find", "input"], ["who", "change"], ["rows", "change"]]) byId(id).addEventListener(event, show);
  byId("every-row").addEventListener("click", () => { everyRow = true; show(); });
  addEventListener("resize", show);
  byId("requests").classList.toggle("short", !requests.some((one) => one.client || one.behind));
  legend();
  show();
})();
