"use strict";
// Control planes: which nodes are shown.
(function () {
  const { byId } = page;
  const nodes = [...document.querySelectorAll(".nodes > tbody")];

  function show() {
    const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean), only = byId("only").checked;
    let shown = 0;
    for (const node of nodes) {
      const text = node.textContent.toLowerCase();
      node.hidden = !words.every((word) => text.includes(word)) || (only && node.dataset.look === "good");
      shown += !node.hidden;
    }
    for (const cluster of document.querySelectorAll(".cluster")) cluster.hidden = !cluster.querySelector("tbody:not([hidden])");
    byId("shown").textContent = `${shown} of ${nodes.length} nodes`;
  }
  byId("find").addEventListener("input", show);
  byId("only").addEventListener("change", show);
  show();
})();
