"use strict";
// Events over time, one line for each value of a dimension.
(function () {
  const { byId, data, row } = page;
  if (!data.steps.length) return;
  const dashes = [[], [7, 3], [2, 2], [9, 3, 2, 3], [4, 4], [12, 4], [2, 5], [9, 2, 2, 2, 2, 2], [1, 3]];
  const whole = { min: data.steps[0], max: data.steps[data.steps.length - 1] };
  let plot = null;
  let view = whole;

  function style(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  /** Gaps and starts of servers, below and above the lines. */
  function marks(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = style("--gap");
    for (const gap of data.gaps) {
      const from = u.valToPos(gap.begin, "x", true);
      ctx.fillRect(from, bbox.top, u.valToPos(gap.end, "x", true) - from, bbox.height);
    }
    ctx.strokeStyle = style("--bad");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    const place = (at) => u.valToPos(at, "x", true);
    const { kept, short } = page.starts(data.restarts.filter((one) => one.at >= view.min && one.at <= view.max), place, 4 * devicePixelRatio);
    if (short) ctx.setLineDash([]);
    for (const start of kept) {
      ctx.beginPath();
      ctx.moveTo(place(start.at), bbox.top);
      ctx.lineTo(place(start.at), bbox.top + (short ? 8 * devicePixelRatio : bbox.height));
      ctx.stroke();
    }
    ctx.restore();
  }

  /** The sums of what is in view, below the picture. */
  function sums(chart) {
    const seen = data.steps.map((at) => at >= view.min && at <= view.max);
    const found = chart.series.map((one) => one.events.reduce((sum, n, i) => sum + (seen[i] ? n : 0), 0));
    const all = found.reduce((sum, n) => sum + n, 0) || 1;
    byId("chart-table").tBodies[0].replaceChildren(
      ...chart.series.map((one, i) =>
        row([one.name, found[i].toLocaleString("en"), `${((100 * found[i]) / all).toFixed(1)} %`], ["", "n", "n"]),
      ),
    );
  }

  function show() {
    const chart = data.charts.find((one) => one.by === byId("by").value);
    sums(chart);
    if (plot) plot.destroy();
    const axis = { stroke: style("--text"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    // the day stands below the first time of it
    const times = (_u, ticks, _i, _space, step) => ticks.map((at, i) => {
      const [day, clock] = page.time(at, 0).split(" ");
      if (step >= 86400) return day;
      return clock.slice(0, step < 60 ? 8 : 5) + (i && page.time(ticks[i - 1], 0).startsWith(day) ? "" : `\n${day}`);
    });
    const coloured = chart.series.map((one, i) => ({
      label: one.name.length > 40 ? `${one.name.slice(0, 39)}…` : one.name,
      stroke: style(`--c${(i % 9) + 1}`),
      dash: dashes[i % dashes.length],
      width: 1.75,
      points: data.steps.length < 40 ? { show: true, size: 5 } : { size: 5 },
      value: (_u, n) => (n === null ? "" : n.toLocaleString("en")),
    }));
    plot = new uPlot(
      {
        width: page.width(byId("chart")),
        height: 300,
        padding: [12, 28, 0, 0],
        tzDate: (at) => uPlot.tzDate(new Date(at * 1e3), "Etc/UTC"),
        cursor: { drag: { x: true, y: false } },
        scales: { x: { range: () => [view.min - (view.max === view.min ? 60 : 0), view.max + (view.max === view.min ? 60 : 0)] } },
        axes: [
          { ...axis, values: times, space: 90 },
          { ...axis, size: 60, label: `events each ${data.every}`, labelSize: 20, labelFont: axis.font, values: (_u, ticks) => ticks.map((n) => (n % 1 ? "" : n.toLocaleString("en"))) },
        ],
        series: [{ label: "UTC", value: (_u, at) => (at === null ? "" : page.time(at, 0)) }, ...coloured],
        hooks: {
          draw: [marks],
          setSelect: [(u) => u.select.width > 3 && zoom(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"))],
        },
      },
      [data.steps, ...chart.series.map((one) => one.events)],
      byId("chart"),
    );
    plot.over.addEventListener("dblclick", () => zoom(whole.min, whole.max));
  }

  function zoom(min, max) {
    view = { min: Math.max(min, whole.min), max: Math.min(max, whole.max) };
    if (view.max <= view.min) view = whole;
    show();
  }
  function by(factor, shift) {
    const middle = (view.min + view.max) / 2 + shift * (view.max - view.min), half = ((view.max - view.min) / 2) * factor;
    zoom(middle - half, middle + half);
  }
  byId("by").addEventListener("change", show);
  byId("chart-in").addEventListener("click", () => by(0.5, 0));
  byId("chart-out").addEventListener("click", () => by(2, 0));
  byId("chart-left").addEventListener("click", () => by(1, -0.5));
  byId("chart-right").addEventListener("click", () => by(1, 0.5));
  byId("chart-all").addEventListener("click", () => zoom(whole.min, whole.max));
  addEventListener("resize", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
})();
