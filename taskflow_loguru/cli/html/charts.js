// The charts over time, and the timeline of one minute; in one script with tables.js and page.js.

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
    // Nothing is drawn where no run ended; a value between two gaps is a point.
    pointRadius: ({ dataset, dataIndex: at }) =>
      buckets.length > 60 && (dataset.data[at - 1] ?? dataset.data[at + 1] ?? null) !== null ? 0 : 2,
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
  // In the order of their start; if there are too many, the failed and the longest ones.
  const length = (run) => endOf(run) - run[BEGIN] + (run[STATUS] === FAILED ? 1e15 : 0);
  const shown = [...runs].sort((one, other) => length(other) - length(one)).slice(0, MAX_ROWS)
    .sort((one, other) => one[BEGIN] - other[BEGIN]);
  const all = runs.length + (chosen() === ALL ? (timeline.hidden[minute] ?? 0) : 0);
  byId("minute-name").textContent = `${clock(utc(from)).slice(0, 16)}: ` +
    (shown.length < all ? `${count(shown.length)} of ${count(all)} runs: the longest, and those that failed` : `${count(all)} runs`);
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
