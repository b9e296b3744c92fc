// The whole page. It follows tables.js and charts.js in one script.

function show() {
  Chart.defaults.color = css("--dim");
  Chart.defaults.font.family = "system-ui, sans-serif";
  showTiles();
  showTables();
  showCharts();
  showMinute(firstMinute + Number(byId("minute").value));
}

byId("about").textContent =
  `${data.paths.join(", ")} · ${clock(data.first)} to ${clock(data.last)} UTC · ${count(data.lines)} lines`;
if (data.lines_lost || data.losses.length) {
  byId("losses").hidden = false;
  byId("losses").textContent =
    `${count(data.lines_lost)} lines were lost by the writer (${data.losses.at(-1).reason}): the figures are too low.`;
}
byId("function").append(new Option("all functions", ALL), ...data.functions.map((one) => new Option(one.name, one.name)));
byId("minute").max = Math.max(0, Math.floor(lastTime / 60000) - firstMinute);
byId("minute").value = byId("minute").max;
byId("minute").addEventListener("input", () => showMinute(firstMinute + Number(byId("minute").value)));
byId("before").addEventListener("click", () => showMinute(firstMinute + Number(byId("minute").value) - 1));
byId("after").addEventListener("click", () => showMinute(firstMinute + Number(byId("minute").value) + 1));
byId("function").addEventListener("change", show);
byId("search").addEventListener("input", showFailures);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
show();
