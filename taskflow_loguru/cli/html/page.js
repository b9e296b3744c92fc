"use strict";
// Nothing of a log is ever taken for HTML: text goes into the page by textContent alone.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const clock = (time) => (time ? time.slice(0, 19).replace("T", " ") : "-");
const utc = (milliseconds) => new Date(milliseconds).toISOString();
const count = (number) => number.toLocaleString("en");
const sum = (numbers) => numbers.reduce((one, other) => one + other, 0);

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "-";
  if (seconds === 0) return "<1 s";
  if (seconds < 0.9995) return `${Number((seconds * 1000).toPrecision(3))} ms`;
  if (seconds < 59.95) return `${Number(seconds.toPrecision(3))} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// A table: columns are [title, value of a row, class]; a value is text or an element.
function fill(table, columns, rows, none) {
  const head = element("tr");
  for (const [title, , className] of columns) head.append(element("th", title, className));
  const body = rows.map((row) => {
    const line = element("tr");
    for (const [, value, className] of columns) {
      const cell = element("td", undefined, className);
      cell.append(value(row) ?? "-");
      line.append(cell);
    }
    return line;
  });
  table.replaceChildren(head, ...body);
  if (!rows.length) table.replaceChildren(element("caption", none));
}

// -- what is chosen -----------------------------------------------------------------------------

const ALL = "";
const chosen = () => byId("function").value;
const isChosen = (name) => chosen() === ALL || chosen() === name;
const functions = () => data.functions.filter((one) => isChosen(one.name));
const bucketOf = (bucket) => (chosen() === ALL ? bucket.all : bucket.functions[chosen()]);

// -- figures and tables -------------------------------------------------------------------------

const stopped = (one) => one.interrupted + one.cancelled + one.rejected;

function showTiles() {
  const tiles = [
    ["Runs", (one) => one.runs], ["Success", (one) => one.success], ["Failed", (one) => one.failed, "failed"],
    ["Stopped", stopped, "stopped"], ["Without an end", (one) => one.open, "open"], ["Retries", (one) => one.retries],
  ];
  byId("tiles").replaceChildren(...tiles.map(([title, value, className]) => {
    const number = sum(functions().map(value));
    const tile = element("div");
    tile.append(element("dt", title), element("dd", count(number), number ? className : ""));
    return tile;
  }));
}

function showTables() {
  const number = "number";
  fill(byId("functions"), [
    ["function", (one) => one.name], ["runs", (one) => count(one.runs), number],
    ["success", (one) => count(one.success), number], ["failed", (one) => count(one.failed), number],
    ["stopped", (one) => count(stopped(one)), number], ["open", (one) => count(one.open), number],
    ["retries", (one) => count(one.retries), number], ["p50", (one) => duration(one.duration.p50), number],
    ["p95", (one) => duration(one.duration.p95), number], ["max", (one) => duration(one.duration.max), number],
    ["lines", (one) => count(one.lines), number],
  ], functions(), "no function");
  const id = ["task", (run) => element("code", run.task_id)];
  const name = ["function", (run) => run.func_name];
  const chosenRuns = (runs) => runs.filter((run) => isChosen(run.func_name));
  fill(byId("slowest"), [
    ["duration", (run) => duration(run.duration), number], ["ended", (run) => clock(run.ended)], name, id,
    ["status", (run) => element("span", run.status, run.status)], ["retries", (run) => count(run.retries), number],
  ], chosenRuns(data.slowest), "no durations");
  fill(byId("open"), [
    ["began", (run) => clock(run.started)], ["last line", (run) => clock(run.last_seen)], name, id,
    ["retries", (run) => count(run.retries), number],
  ], chosenRuns(data.open), "all runs have an end");
  showFailures();
}

function reasonOf(run) {
  if (!run.stacktrace) return run.reason || "-";
  const details = element("details");
  details.append(element("summary", run.reason || "-"), element("pre", run.stacktrace));
  return details;
}

function showFailures() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const textOf = (run) => [clock(run.ended), run.func_name, run.task_id, run.reason, run.stacktrace].join(" ").toLowerCase();
  const known = data.failures.filter((run) => isChosen(run.func_name));
  const found = known.filter((run) => words.every((word) => textOf(run).includes(word)));
  const all = sum(functions().map((one) => one.failed));
  byId("failure-count").textContent =
    `${count(found.length)} of ${count(all)}` + (known.length < all ? `; the latest ${count(known.length)} are listed` : "");
  fill(byId("failures"), [
    ["ended", (run) => clock(run.ended)], ["function", (run) => run.func_name],
    ["task", (run) => element("code", run.task_id)], ["reason", reasonOf, "wide"],
    ["duration", (run) => duration(run.duration), "number"], ["retries", (run) => count(run.retries), "number"],
  ], found, "none");
}

// -- charts -------------------------------------------------------------------------------------

const charts = {};

function draw(id, config) {
  charts[id]?.destroy();
  charts[id] = new Chart(byId(id), config);
}

function axes(stacked, tick) {
  const grid = { color: css("--line") };
  const ticks = { color: css("--dim"), maxRotation: 0, autoSkipPadding: 20 };
  return {
    x: { stacked, grid: { display: false }, ticks },
    y: { stacked, grid, beginAtZero: true, ticks: { ...ticks, precision: 0, ...(tick && { callback: tick, precision: undefined }) } },
  };
}

function options(scales, more) {
  const legend = { labels: { color: css("--text"), boxWidth: 12 } };
  const { plugins, ...others } = more ?? {};
  return {
    animation: false, maintainAspectRatio: false, interaction: { mode: "index", intersect: false }, scales,
    plugins: { legend, ...plugins }, ...others,
  };
}

function showCharts() {
  const buckets = data.series.buckets;
  const days = new Set(buckets.map((bucket) => bucket.time.slice(0, 10))).size;
  const length = data.series.seconds;
  const labelOf = (bucket) => clock(bucket.time).slice(days > 1 ? 5 : 11, length < 60 ? 19 : length < 86400 ? 16 : 10);
  const labels = buckets.map(labelOf);
  const values = (name, none) => buckets.map((bucket) => bucketOf(bucket)?.[name] ?? none);
  const bars = (name) => ({
    label: name, data: values(name, 0), backgroundColor: css(`--${name}`), barPercentage: 1, categoryPercentage: 0.9,
  });
  const line = (name, colour) => ({
    label: name, data: values(name, null), borderColor: css(colour), backgroundColor: css(colour), borderWidth: 2,
    pointRadius: buckets.length > 60 ? 0 : 2, spanGaps: true, tension: 0.2,
  });
  const onClick = (event, items) => {
    if (!items.length) return;
    showMinute(Math.floor(Date.parse(buckets[items[0].index].time) / 60000));
    byId("minute").scrollIntoView({ block: "center" });
  };
  byId("bucket").textContent = buckets.length ? `per ${duration(length)}` : "";
  draw("throughput", {
    type: "bar", data: { labels, datasets: [bars("success"), bars("failed"), bars("stopped")] },
    options: options(axes(true), { onClick }),
  });
  draw("failing", {
    type: "bar", data: { labels, datasets: [bars("failed"), bars("stopped")] }, options: options(axes(true), { onClick }),
  });
  const tooltip = { callbacks: { label: (item) => `${item.dataset.label}: ${duration(item.raw)}` } };
  draw("durations", {
    type: "line", data: { labels, datasets: [line("p50", "--open"), line("p95", "--stopped")] },
    options: options(axes(false, (value) => (value ? duration(value) : "0")), { onClick, plugins: { tooltip } }),
  });
}

// -- the timeline of one minute -----------------------------------------------------------------

const [BEGIN, END, FUNCTION, STATUS, ID] = [0, 1, 2, 3, 4];
const ROW_PIXELS = 20;
const MAX_ROWS = 400;
const timeline = data.timeline;
const FAILED = timeline.statuses.indexOf("failed");
const lastTime = data.last ? Date.parse(data.last) : 0;
const firstMinute = timeline.runs.length ? Math.floor(Math.min(...[timeline.runs[0][BEGIN], Date.parse(data.first)]) / 60000) : 0;
const colours = ["--success", "--failed", "--stopped", "--stopped", "--stopped"];

const endOf = (run) => run[END] ?? Math.max(lastTime, run[BEGIN]);

function showMinute(minute) {
  const slider = byId("minute");
  slider.value = minute - firstMinute;
  minute = firstMinute + Number(slider.value);
  const from = minute * 60000;
  const runs = timeline.runs
    .filter((run) => run[BEGIN] < from + 60000 && endOf(run) >= from && isChosen(timeline.functions[run[FUNCTION]]));
  // In the order of their begin; if there are too many, those that failed and the longest.
  const length = (run) => endOf(run) - run[BEGIN] + (run[STATUS] === FAILED ? 1e15 : 0);
  const shown = [...runs].sort((one, other) => length(other) - length(one)).slice(0, MAX_ROWS)
    .sort((one, other) => one[BEGIN] - other[BEGIN]);
  const all = runs.length + (chosen() === ALL ? (timeline.hidden[minute] ?? 0) : 0);
  byId("minute-name").textContent = `${clock(utc(from)).slice(0, 16)}: ` +
    (shown.length < all ? `${count(shown.length)} of ${count(all)} runs, the longest and those that failed` : `${count(all)} runs`);
  const statusOf = (run) => (run[STATUS] === null ? "no end" : timeline.statuses[run[STATUS]]);
  const seconds = (time) => (time - from) / 1000;
  byId("rows").style.height = `${Math.max(120, shown.length * ROW_PIXELS + 60)}px`;
  const label = (item) => {
    const run = shown[item.dataIndex];
    return `${statusOf(run)}, ${clock(utc(run[BEGIN]))}, ${duration((endOf(run) - run[BEGIN]) / 1000)}`;
  };
  const ticks = { color: css("--dim") };
  draw("timeline", {
    type: "bar",
    data: {
      labels: shown.map((run) => `${timeline.functions[run[FUNCTION]]} ${run[ID].slice(0, 8)}`),
      datasets: [{
        data: shown.map((run) => [seconds(run[BEGIN]), seconds(endOf(run))]), minBarLength: 3, barPercentage: 0.9,
        backgroundColor: shown.map((run) => css(run[STATUS] === null ? "--open" : colours[run[STATUS]])),
      }],
    },
    options: options({
      x: { min: 0, max: 60, position: "top", ticks: { ...ticks, stepSize: 10, callback: (value) => `:${String(value).padStart(2, "0")}` }, grid: { color: css("--line") } },
      y: { ticks: { ...ticks, autoSkip: false, font: { size: 11 } }, grid: { display: false } },
    }, { indexAxis: "y", interaction: { mode: "nearest", intersect: true }, plugins: { legend: { display: false }, tooltip: { callbacks: { label } } } }),
  });
}

// -- the whole page -----------------------------------------------------------------------------

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
