"use strict";
// The figures and tables. charts.js and page.js follow in the same script.
// Text of a log is never interpreted as HTML: it goes into the page only through textContent.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const utc = (milliseconds) => new Date(milliseconds).toISOString();
const count = (number) => number.toLocaleString("en");
const two = (number) => String(number).padStart(2, "0");
const zone = () => (byId("local").checked ? Intl.DateTimeFormat().resolvedOptions().timeZone : "UTC");
const sum = (numbers) => numbers.reduce((one, other) => one + other, 0);

function clock(time) {
  if (!time) return "-";
  if (!byId("local").checked) return time.slice(0, 19).replace("T", " ");
  const moment = new Date(time);
  const [month, ...clock] = [moment.getMonth() + 1, moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two);
  return `${moment.getFullYear()}-${month}-${two(moment.getDate())} ${clock.join(":")}`;
}

// The same rule as in moments.py.
function duration(seconds) {
  if (seconds === null || seconds === undefined) return "-";
  if (seconds === 0) return "<1 s";
  if (seconds < 0.9995) return `${Number((seconds * 1000).toPrecision(3))} ms`;
  if (seconds < 59.95) return `${Number(seconds.toPrecision(3))} s`;
  const whole = Math.round(seconds);
  const [unit, size, smaller, part] =
    [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]].find((units) => whole >= units[1]);
  const rest = Math.floor((whole % size) / part);
  return `${Math.floor(whole / size)} ${unit}` + (rest ? ` ${rest} ${smaller}` : "");
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// A table: columns are [title, value of a row, class, sort key]; a value is text or an element. Without a key, the text
// is the key. A click on a title sorts by it, a second one in the other direction.
function fill(table, columns, rows, none) {
  const body = element("tbody");
  const show = () => {
    const [column, down] = table.order ?? [];
    const key = column === undefined ? null : (columns[column][3] ?? columns[column][1]);
    const sorted = key ? [...rows].sort((one, other) => compare(key(one), key(other)) * (down ? -1 : 1)) : rows;
    [...head.children].forEach((title, at) =>
      title.setAttribute("aria-sort", at !== column ? "none" : down ? "descending" : "ascending"));
    body.replaceChildren(...sorted.map((row) => {
      const line = element("tr");
      for (const [, value, className] of columns) {
        const cell = element("td", undefined, className);
        cell.append(value(row) ?? "-");
        line.append(cell);
      }
      return line;
    }));
  };
  const head = element("tr");
  columns.forEach(([title, , className], at) => {
    const button = element("button", title);
    button.type = "button";
    button.addEventListener("click", () => {
      const isNumber = className === "number";
      table.order = [at, table.order?.[0] === at ? !table.order[1] : isNumber];
      show();
    });
    const cell = element("th", undefined, className);
    cell.append(button);
    head.append(cell);
  });
  show();
  const top = element("thead");
  top.append(head);
  table.replaceChildren(...(rows.length ? [top, body] : [element("caption", none)]));
}

function compare(one, other) {
  if (typeof one === "number" || typeof other === "number") return (one ?? -1) - (other ?? -1);
  return String(one ?? "").localeCompare(String(other ?? ""));
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
  const figure = (title, name) => [title, (one) => count(one[name]), "number", (one) => one[name]];
  const time = (title, name) => [title, (run) => clock(run[name]), "", (run) => run[name]];
  const quantile = (name) => [name, (one) => duration(one.duration[name]), "number", (one) => one.duration[name]];
  fill(byId("functions"), [
    ["function", (one) => one.name], figure("runs", "runs"), figure("success", "success"), figure("failed", "failed"),
    ["stopped", (one) => count(stopped(one)), "number", stopped], figure("open", "open"), figure("retries", "retries"),
    quantile("p50"), quantile("p95"), quantile("max"), figure("lines", "lines"),
  ], functions(), "no function");
  const id = ["task", (run) => element("code", run.task_id), "", (run) => run.task_id];
  const name = ["function", (run) => run.func_name];
  const chosenRuns = (runs) => runs.filter((run) => isChosen(run.func_name));
  const slowest = chosen() === ALL ? data.slowest : functions().flatMap((one) => one.slowest_runs);
  fill(byId("slowest"), [
    took, time("ended", "ended"), name, id,
    ["status", (run) => element("span", run.status, run.status), "", (run) => run.status], figure("retries", "retries"),
  ], slowest, "no durations");
  fill(byId("open"), [
    time("began", "started"), time("last line", "last_seen"), name, id, figure("retries", "retries"),
  ], chosenRuns(data.open), "all runs have an end");
  fill(byId("errors"), [
    figure("failed", "count"), ["share", (one) => `${Math.round(100 * one.share)} %`, "number", (one) => one.share],
    name, ["error", (one) => one.error_type ?? one.reason, "wide"], time("last seen", "last_seen"),
    ["example", link, "", (one) => one.task_id],
  ], chosenRuns(data.errors), "no run failed");
  showFailures();
}

// The duration of the last attempt and, if there were others, of all of them.
const took = ["duration", (run) =>
  duration(run.duration) + (run.retries && run.total !== null ? ` (in all ${duration(run.total)})` : ""),
"number", (run) => run.duration];

// -- failures -----------------------------------------------------------------------------------

const anchor = (run) => `#${encodeURIComponent(run.task_id)}`;

// A link to the lines of a failure: it can be copied, and sent with the page.
function link(run) {
  const made = element("a");
  made.href = anchor(run);
  made.append(element("code", run.task_id));
  return made;
}

const quoted = (text) => (/^[\w./:=@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function reasonOf(run) {
  const details = element("details");
  details.append(element("summary", run.reason || "-"));
  if (run.stacktrace) details.append(element("pre", run.stacktrace));
  if (run.lines.length) details.append(element("p", "Its last lines:", "hint"), element("pre", run.lines.join("\n")));
  const command = ["taskflow-loguru", "show", run.task_id, ...data.paths].map(quoted).join(" ");
  details.append(element("p", "All its lines:", "hint"), element("pre", command));
  details.dataset.anchor = anchor(run);
  return details;
}

function openFailure() {
  if (location.hash.length < 2 || !data.failures.some((run) => anchor(run) === location.hash)) return;
  byId("search").value = "";
  if (chosen() !== ALL) byId("function").value = ALL;
  show();
  const details = [...document.querySelectorAll("#failures details")].find((one) => one.dataset.anchor === location.hash);
  details.open = true;
  details.scrollIntoView({ block: "center" });
}

function showFailures() {
  const phrase = byId("search").value.trim().replace(/^"(.*)"$/, "$1").replace(/\s+/g, " ").toLowerCase();
  const textsOf = (run) => [clock(run.ended), run.func_name, run.task_id, run.reason, run.stacktrace, ...run.lines];
  const has = (text) => (text ?? "").replace(/\s+/g, " ").toLowerCase().includes(phrase);
  const known = data.failures.filter((run) => isChosen(run.func_name));
  const found = known.filter((run) => textsOf(run).some(has));
  const all = sum(functions().map((one) => one.failed));
  byId("failure-count").textContent =
    `${count(found.length)} of ${count(all)}` + (known.length < all ? `; the latest ${count(known.length)} are listed` : "");
  fill(byId("failures"), [
    ["ended", (run) => clock(run.ended), "", (run) => run.ended], ["function", (run) => run.func_name],
    ["task", link, "", (run) => run.task_id], ["reason", reasonOf, "wide", (run) => run.reason],
    took, ["retries", (run) => count(run.retries), "number", (run) => run.retries],
  ], found, "none");
}
