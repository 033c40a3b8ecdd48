"use strict";
// Everything from the log arrives as text and is set as text: nothing of it is ever parsed as HTML.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const colours = ["#1f77b4", "#e6711b", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#17becf"];

  function row(cells, numbers) {
    const tr = document.createElement("tr");
    cells.forEach((text, i) => {
      const td = document.createElement("td");
      td.textContent = text;
      if (numbers && numbers.includes(i)) td.className = "n";
      if (i === 6) td.className = "where";
      tr.append(td);
    });
    return tr;
  }

  // ---- events over time
  let plot = null;
  function marks(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.fillStyle = "rgba(128,128,128,.25)";
    for (const gap of data.gaps) {
      const from = Math.max(u.valToPos(gap.begin, "x", true), bbox.left);
      const to = Math.min(u.valToPos(gap.end, "x", true), bbox.left + bbox.width);
      if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
    ctx.strokeStyle = "#cf222e";
    ctx.setLineDash([6, 4]);
    for (const start of data.restarts) {
      const x = u.valToPos(start.at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  function draw(by) {
    const chart = data.charts.find((one) => one.by === by);
    const body = byId("chart-table").tBodies[0];
    body.replaceChildren(...chart.series.map((one) => row([one.name, one.total.toLocaleString("en")], [1])));
    if (plot) plot.destroy();
    if (!data.steps.length) return;
    const text = getComputedStyle(document.body).color;
    const axis = { stroke: text, grid: { stroke: "rgba(128,128,128,.25)" } };
    plot = new uPlot(
      {
        width: byId("chart").clientWidth,
        height: 300,
        axes: [axis, { ...axis, size: 70 }],
        series: [
          {},
          ...chart.series.map((one, i) => ({ label: one.name, stroke: colours[i % colours.length], width: 1.5, points: { show: data.steps.length < 2 } })),
        ],
        hooks: { draw: [marks] },
      },
      [data.steps, ...chart.series.map((one) => one.events)],
      byId("chart"),
    );
  }
  byId("by").addEventListener("change", (event) => draw(event.target.value));
  byId("chart-all").addEventListener("click", () => draw(byId("by").value));
  addEventListener("resize", () => plot && plot.setSize({ width: byId("chart").clientWidth, height: 300 }));
  draw(byId("by").value);

  // ---- the timeline of an object or a user
  if (!data.deeds.length) return;
  const svgNs = "http://www.w3.org/2000/svg";
  const first = Math.min(...data.deeds.map((deed) => deed.at));
  const last = Math.max(...data.deeds.map((deed) => deed.at));
  const margin = Math.max((last - first) * 0.02, 0.5);
  let view = { from: first - margin, to: last + margin };
  const changes = new Set(["create", "update", "patch", "delete", "deletecollection"]);

  function element(name, attributes, text) {
    const made = document.createElementNS(svgNs, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function chosen() {
    const words = byId("deed-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    return data.deeds.filter((deed) => {
      const text = [deed.user, deed.verb, deed.resource, deed.object, String(deed.code), deed.time].join(" ").toLowerCase();
      return deed.at >= view.from && deed.at <= view.to && words.every((word) => text.includes(word));
    });
  }

  function show() {
    const deeds = chosen();
    const users = [...new Set(deeds.map((deed) => deed.user))];
    const width = Math.max(byId("deed-picture").clientWidth, 300), left = Math.min(220, width * 0.35), lane = 24;
    const height = users.length * lane + 30;
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, height });
    const x = (at) => left + ((at - view.from) / (view.to - view.from)) * (width - left - 10);
    users.forEach((user, i) => {
      const y = i * lane + 16;
      svg.append(element("line", { class: "lane", x1: left, x2: width, y1: y, y2: y }));
      const label = user.length > 28 ? user.slice(0, 27) + "…" : user;
      const text = element("text", { x: 0, y: y + 4 }, label);
      text.append(element("title", {}, user));
      svg.append(text);
    });
    const rows = new Map(users.map((user, i) => [user, i]));
    for (const deed of deeds) {
      const kind = deed.code >= 400 ? "bad" : changes.has(deed.verb) ? "change" : "read";
      const dot = element("circle", { class: kind, cx: x(deed.at), cy: rows.get(deed.user) * lane + 16, r: 5 });
      dot.append(element("title", {}, `${deed.time} ${deed.user} ${deed.verb} ${deed.resource} ${deed.object} ${deed.code}`));
      svg.append(dot);
    }
    for (const part of width < 600 ? [0, 1] : [0, 0.5, 1]) {
      const at = view.from + part * (view.to - view.from);
      const label = new Date(at * 1000).toISOString().replace("T", " ").slice(0, 19);
      const anchor = ["start", "middle", "end"][part * 2], from = part ? x(at) : width < 600 ? 0 : x(at);
      svg.append(element("text", { x: from, y: height - 4, "text-anchor": anchor }, label));
    }
    byId("deed-picture").replaceChildren(svg);
    const listed = deeds.slice(0, 500);
    byId("deed-table").tBodies[0].replaceChildren(
      ...listed.map((d) => row([d.time, d.user, d.verb, d.resource, d.object, d.code || "", d.where])),
    );
    const cut = deeds.length > listed.length ? `, the first ${listed.length} in the table` : "";
    byId("deed-count").textContent = `${deeds.length} of ${data.deeds.length} requests${cut}`;
  }

  function zoom(factor, shift) {
    const middle = (view.from + view.to) / 2 + shift * (view.to - view.from);
    const half = Math.max(((view.to - view.from) / 2) * factor, 0.05);
    view = { from: middle - half, to: middle + half };
    show();
  }
  byId("deed-in").addEventListener("click", () => zoom(0.5, 0));
  byId("deed-out").addEventListener("click", () => zoom(2, 0));
  byId("deed-left").addEventListener("click", () => zoom(1, -0.5));
  byId("deed-right").addEventListener("click", () => zoom(1, 0.5));
  byId("deed-all").addEventListener("click", () => {
    view = { from: first - margin, to: last + margin };
    show();
  });
  byId("deed-picture").addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 0.8 : 1.25, 0);
  }, { passive: false });
  byId("deed-filter").addEventListener("input", show);
  addEventListener("resize", show);
  show();
})();
