"use strict";
// The figures and tables. charts.js and page.js follow in the same script.
// Text of a log is never interpreted as HTML: it goes into the page only through textContent.

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

// -- the chosen function ------------------------------------------------------------------------

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
