/** How a flow does: where people get stuck, and what they said. */

import { windowAsked } from "./address.js";
import { areAllOf, showBehind, stepTitles } from "./behind.js";
import { Chart, JSON_MODULE, colour, specOf } from "./chart.js";
import { h, refill } from "./elements.js";
import {
  commonTiles,
  csatChart,
  dailyRows,
  distributionChart,
  distributionRows,
  drill,
  drillColumn,
  outcomesChart,
  shareColumns,
} from "./figures.js";
import { comments } from "./comments.js";
import { run } from "./page.js";
import { upshot } from "./signed-in.js";
import { table } from "./table.js";
import { FEW, shareText, tiles } from "./tiles.js";
import { count, percent, range, some } from "./words.js";

const LABELS_WIDTH = 215;
const GAP = 150;
const LABELS_WIDTH_NARROW = 105;
const GAP_NARROW = 95;
const ROOM = 80;
const ROOM_FOR_LABELS_NARROW = "1.9 * data('rows')[0].most";
const MOST_WAYS = 3;
/** Where the two parts of the path stand below each other. */
const NARROW = 560;

const flowId = decodeURIComponent(location.pathname.split("/")[2] ?? "");
areAllOf({ flow_id: flowId });
const outcomes = outcomesChart("flow-sessions");
const csat = csatChart();
const distribution = distributionChart();
const path = new Chart({
  title: "The path through the steps",
  fileName: "path",
  spec: (_, width) => sized(width),
  columns: [
    { name: "step", title: "Step", value: (row) => row.title },
    drillColumn("visits", "Reached it", (row) => sessionsAt(row, "visits")),
    drillColumn("went_on", "Went on", (row) => sessionsAt(row, "went_on")),
    drillColumn("completions", "Completed here", (row) => sessionsAt(row, "completions")),
    drillColumn("drop_offs", "Left here", (row) => sessionsAt(row, "drop_offs")),
    ...shareColumns("drop_off", "Drop-off", (row) => [row.drop_off_interval, row.visits]),
    ...helpfulColumns(),
  ],
  onPick: (row) => {
    const bar = row.key ?? "helpful_yes";
    if (row[bar]) showBehind(sessionsAt(row, bar));
  },
  empty: "Nobody went through this flow in these days. Choose more days.",
});

/**
 * Which sessions a bar of the path counts, or a thumb.
 *
 * @param {Step} step
 * @param {string} bar
 * @returns {Record<string, string>}
 */
function sessionsAt({ step_id }, bar) {
  switch (bar) {
    case "went_on":
      return { step_id, step_was_last: "false" };
    case "completions":
      return { step_id, step_was_last: "true", completed: "true" };
    case "drop_offs":
      return { step_id, step_was_last: "true", completed: "false" };
    case "helpful_yes":
      return { step_id, was_helpful: "true", dated_by: "vote" };
    case "helpful_no":
      return { step_id, was_helpful: "false", dated_by: "vote" };
    default:
      return { step_id };
  }
}

/** @param {number} width of the whole drawing */
async function sized(width) {
  const isNarrow = width < NARROW;
  const labels = isNarrow ? LABELS_WIDTH_NARROW : LABELS_WIDTH;
  const room = Math.max(width - labels - (isNarrow ? GAP_NARROW : GAP), ROOM);
  const { hconcat, ...spec } = await specOf(import("../charts/path.json", JSON_MODULE));
  const [visits, helpful] = /** @type {any[]} */ (hconcat);
  visits.width = isNarrow ? room : Math.round(room * 0.66);
  helpful.width = isNarrow ? room : Math.round(room * 0.34);
  if (isNarrow) spec.params = [{ name: "room", expr: ROOM_FOR_LABELS_NARROW }];
  if (isNarrow) helpful.encoding.y.axis = visits.encoding.y.axis;
  visits.encoding.y.axis.labelLimit = labels - 10;
  visits.layer[0].encoding.color.scale.range = ["accent-soft", "resolved", "unresolved"].map(colour);
  return { ...spec, [isNarrow ? "vconcat" : "hconcat"]: [visits, helpful] };
}

/**
 * @typedef {import("../public/client.d.ts").FlowAnalytics} FlowAnalytics
 * @typedef {FlowAnalytics["steps"][number]} Step
 */

/** @param {FlowAnalytics} figures */
function stepRows({ steps }) {
  const shown = steps.filter((step) => step.is_current || step.visits > 0);
  if (!shown.some((step) => step.visits > 0)) return [];
  const most = Math.max(...shown.map((step) => step.visits));
  return shown.map((step, place) => ({
    ...step,
    most,
    // Two steps may have one title.
    name: `${place + 1}. ${step.title}${step.is_current ? "" : " (gone)"}`,
    went_on: step.visits - step.completions - step.drop_offs,
    votes: step.helpful_yes + step.helpful_no,
    low: step.helpful_rate_interval?.low ?? null,
    high: step.helpful_rate_interval?.high ?? null,
    helpful_label: helpful(step),
    drop_off_text: shareText(step.drop_off, step.drop_off_interval, step.visits),
    helpful_text: shareText(
      step.helpful_rate,
      step.helpful_rate_interval,
      step.helpful_yes + step.helpful_no,
    ),
    label: step.visits ? `${count(step.visits)}${dropOff(step)}` : "nobody",
  }));
}

/** @param {Step} step */
function helpful({ helpful_rate: share, helpful_yes: yes, helpful_no: no }) {
  return share === null ? "no votes" : `${percent(share)} of ${count(yes + no)}`;
}

/** @param {Step} step */
function dropOff({ drop_offs: left, drop_off: share, visits }) {
  if (!left) return "";
  return visits < FEW ? ` · ${left} left` : ` · ${percent(share)} left`;
}

/** @param {FlowAnalytics} figures */
function nextSteps({ steps, edges }) {
  const titles = new Map(steps.map((each) => [each.step_id, each.title]));
  return (/** @type {Step} */ step) => {
    const ways = edges.filter((edge) => edge.step_id === step.step_id).slice(0, MOST_WAYS);
    if (ways.length === 0) return "–";
    return ways.map((edge) =>
      h(
        "span",
        { class: "way" },
        `${titles.get(edge.next_step_id) ?? edge.next_step_id} `,
        way(edge, step),
      ),
    );
  };
}

/**
 * @param {FlowAnalytics["edges"][number]} edge
 * @param {Step} step
 */
function way({ passes, share, share_interval: interval }, { visits }) {
  const of = `${count(passes)} of ${visits < FEW ? "only " : ""}${count(visits)}`;
  const likely = interval ? ` · ${range(interval.low, interval.high)}` : "";
  return [
    h("span", { class: visits < FEW ? "muted" : undefined }, percent(share)),
    h("span", { class: "muted way-sample", title: shareText(share, interval, visits) }, ` ${of}${likely}`),
  ];
}

run({
  load: async () => {
    const [figures, said] = await Promise.all([
      upshot.flow(flowId, { ...windowAsked(), previous: true }),
      comments.load(flowId),
    ]);
    return { ...figures, said };
  },
  draw: (content, figures, { meanings }) => {
    const { summary, previous, meta } = figures;
    const days = dailyRows(figures.time_series, meta.partial_day);
    const rows = stepRows(figures);
    for (const { step_id: id, title } of figures.steps) stepTitles.set(id, title);
    outcomes.show(summary.total_sessions ? days : []);
    csat.show(summary.total_ratings ? days : []);
    distribution.show(distributionRows(summary));
    path.show(rows);
    document.title = `${figures.name} · Upshot`;
    refill(
      content,
      h("h1", {}, figures.name),
      tiles(commonTiles(figures), meanings, previous),
      path.element,
      table({
        id: "steps",
        title: "Step by step",
        fileName: "steps",
        columns: stepColumns(nextSteps(figures)),
        rows,
        empty: "Nobody reached a step in these days.",
      }),
      outcomes.element,
      h("div", { class: "columns" }, csat.element, distribution.element),
      comments.element(figures.said, meta.time_zone, flowId),
    );
  },
});

/**
 * @param {(step: Step) => any} next
 * @returns {import("./table.js").Column[]}
 */
function stepColumns(next) {
  return [
    { name: "step", title: "Step", value: (row) => row.title, show: (row) => row.name },
    drillColumn("visits", "Reached it", (row) => sessionsAt(row, "visits")),
    ...shareColumns(
      "drop_off",
      "Drop-off",
      (row) => [row.drop_off_interval, row.visits],
      (row) => sessionsAt(row, "drop_offs"),
    ),
    {
      name: "helpful_yes",
      title: "Thumbs",
      value: (row) => row.helpful_yes,
      show: (row) => thumbs(row),
    },
    { name: "helpful_no", value: (row) => row.helpful_no },
    ...helpfulColumns(),
    { name: "next", title: "Then mostly", value: () => "", show: next },
    { name: "step_id", value: (row) => row.step_id },
  ];
}

function helpfulColumns() {
  return shareColumns(
    "helpful_rate",
    "Helpful",
    (row) => [row.helpful_rate_interval, row.votes],
    (row) => sessionsAt(row, "helpful_yes"),
  );
}

/** @param {Step} step */
function thumbs(step) {
  const { helpful_yes: yes, helpful_no: no } = step;
  return h(
    "span",
    { class: "thumbs", title: `${some(yes, "thumb")} up, ${some(no, "thumb")} down` },
    thumb("▲", "up", yes, sessionsAt(step, "helpful_yes")),
    thumb("▼", "down", no, sessionsAt(step, "helpful_no")),
  );
}

/**
 * @param {string} sign
 * @param {string} way
 * @param {number} votes
 * @param {Record<string, string>} filters
 */
function thumb(sign, way, votes, filters) {
  const [text, label] = [`${sign} ${count(votes)}`, `${count(votes)} ${way}`];
  return votes ? drill(text, filters, label) : h("span", { "aria-label": label }, text);
}
