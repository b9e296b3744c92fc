// The whole page. It follows tables.js and charts.js in one script.

function show() {
  Chart.defaults.color = css("--dim");
  Chart.defaults.font.family = "system-ui, sans-serif";
  byId("about").textContent =
    `${data.paths.join(", ")} · ${clock(data.first)} to ${clock(data.last)} ${zone()} · ${count(data.lines)} lines`;
  byId("zone").textContent = zone();
  const leftOut = sum(functions().map((one) => one.durations_left_out));
  byId("left-out").textContent = leftOut ? `${count(leftOut)} runs are left out: their lines have only whole seconds.` : "";
  showTiles();
  showTables();
  showCharts();
  showMinute(firstMinute + Number(byId("minute").value));
}

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
byId("local").addEventListener("change", show);
byId("search").addEventListener("input", showFailures);
addEventListener("hashchange", openFailure);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
show();
openFailure();
