/** What several pages show: the tiles, charts and tables of the figures that they share. */

import outcomesSpec from "../charts/outcomes.json" with { type: "json" };
import csatSpec from "../charts/csat.json" with { type: "json" };
import distributionSpec from "../charts/distribution.json" with { type: "json" };
import { addressOf } from "./address.js";
import { showBehind } from "./behind.js";
import { Chart } from "./chart.js";
import { h } from "./elements.js";
import { FEW, between, shareBar } from "./tiles.js";
import { count, minutes, percent, range, signed, tenths, NONE } from "./words.js";

/**
 * @typedef {import("./table.js").Column} Column
 * @typedef {import("../public/client.d.ts").Summary} Summary
 * @typedef {import("../public/client.d.ts").TeamAnalytics} TeamAnalytics
 */

const FEW_DAYS = 4;
const STARS = /** @type {const} */ ([5, 4, 3, 2, 1]);
/** @type {import("../public/client.d.ts").Outcome[]} */
export const OUTCOMES = ["resolved", "workaround", "escalated", "unresolved"];

/** @param {Summary} summary */
function satisfied({ csat_percent: share, csat_percent_interval: interval }) {
  if (!interval || share === null) return undefined;
  return `${percent(share / 100)} gave 4 or 5 (likely ${range(interval.low / 100, interval.high / 100)})`;
}

/**
 * The tiles that all pages have.
 *
 * @param {Pick<TeamAnalytics, "summary" | "previous">} figures
 * @returns {import("./tiles.js").Tile[]}
 */
export function commonTiles({ summary, previous }) {
  const change = previous?.change;
  const points = (/** @type {number} */ size) => `${signed(size, tenths)} points`;
  return [
    {
      name: "total_sessions",
      title: "Sessions",
      text: count(summary.total_sessions),
      change: change?.total_sessions,
      changeText: (size) => signed(size, count),
      isBetterUp: null,
      onpick: () => showBehind({}),
    },
    {
      name: "completion_rate",
      title: "Completion rate",
      text: summary.total_sessions ? percent(summary.completion_rate) : NONE,
      of: summary.total_sessions,
      between: between(summary.completion_rate_interval),
      change: change?.completion_rate,
      changeText: (size) => points(size * 100),
      isBetterUp: true,
      onpick: () => showBehind({ completed: "true" }),
    },
    {
      name: "p50_duration_minutes",
      title: "Median duration",
      text: minutes(summary.p50_duration_minutes),
      of: summary.completed_sessions,
      between: summary.p90_duration_minutes
        ? `9 of 10 within ${minutes(summary.p90_duration_minutes)}`
        : undefined,
      change: change?.p50_duration_minutes,
      changeText: (size) => signed(size, minutes),
      isBetterUp: false,
    },
    {
      name: "avg_csat",
      title: "CSAT",
      text: summary.avg_csat === null ? NONE : `${tenths(summary.avg_csat)} of 5`,
      of: summary.total_ratings,
      one: "rating",
      between: satisfied(summary),
      change: change?.avg_csat,
      changeText: (size) => signed(size, tenths),
      isBetterUp: true,
    },
  ];
}

/**
 * @param {TeamAnalytics["time_series"]} series
 * @param {string | null} partialDay
 */
export function dailyRows(series, partialDay) {
  return series.map((row) => ({
    ...row,
    no_outcome: row.sessions - OUTCOMES.reduce((sum, outcome) => sum + row[outcome], 0),
    is_partial: row.date === partialDay,
  }));
}

/** @type {Column} */
export const DAY_COLUMN = {
  name: "day",
  title: "Day",
  value: (row) => row.date,
  show: (row) => [drill(row.date, { day: row.date }), row.is_partial ? " (so far)" : ""],
};

/**
 * A text that leads to sessions.
 *
 * @param {string | number} text
 * @param {Record<string, string | number>} filters see behind.js
 */
export function drill(text, filters) {
  return h("button", { class: "drill", onclick: () => showBehind(filters) }, text);
}

/** @param {string} fileName */
export function outcomesChart(fileName) {
  return new Chart({
    title: "Outcomes per day",
    fileName,
    spec: (rows) => (rows.length < FEW_DAYS ? inBars(outcomesSpec) : outcomesSpec),
    columns: [
      DAY_COLUMN,
      numberColumn("sessions", "Sessions"),
      ...OUTCOMES.map((each) => numberColumn(each, each)),
      numberColumn("no_outcome", "no outcome"),
    ],
    onPick: (row) => showBehind({ day: dateOf(row) }),
    empty: "No sessions in these days. Choose more days.",
  });
}

/**
 * An area needs days to lie between.
 *
 * @param {object} spec
 */
function inBars(spec) {
  return JSON.parse(JSON.stringify(spec).replace('"type":"area"', '"type":"bar"'));
}

/** @param {any} row a datum of a chart, whose day is a moment at midnight, UTC */
export function dateOf(row) {
  return new Date(row.utcyearmonthdate_date ?? row.date).toISOString().slice(0, 10);
}

export function csatChart() {
  return new Chart({
    title: "CSAT over time",
    fileName: "csat",
    spec: () => csatSpec,
    columns: [
      {
        name: "day",
        title: "Day",
        value: (row) => row.date,
        show: (row) => drill(row.date, { day: row.date, dated_by: "rating" }),
      },
      numberColumn("avg_csat", "Mean rating", tenths),
      numberColumn("ratings", "Ratings"),
    ],
    onPick: (row) => showBehind({ day: dateOf(row), dated_by: "rating" }),
    empty: "No ratings in these days.",
    note: "By the day the rating was given.",
  });
}

export function distributionChart() {
  return new Chart({
    title: "Ratings by stars",
    fileName: "ratings",
    spec: () => distributionSpec,
    columns: [
      {
        name: "stars",
        title: "Stars",
        value: (row) => row.rating,
        show: (row) => drill(row.rating, { rating: row.rating, dated_by: "rating" }),
      },
      numberColumn("count", "Ratings"),
      numberColumn("share", "Share", percent),
    ],
    onPick: (row) => showBehind({ rating: row.rating, dated_by: "rating" }),
    empty: "No ratings in these days.",
  });
}

/** @param {Summary} summary */
export function distributionRows({ csat_distribution: distribution, total_ratings: of }) {
  if (of === 0) return [];
  const most = Math.max(...Object.values(distribution));
  return STARS.map((rating) => {
    const number = distribution[`rating_${rating}`];
    const share = number / of;
    return {
      rating,
      stars: "★".repeat(rating),
      count: number,
      share,
      most,
      label: `${count(number)} · ${of < FEW ? `of only ${of}` : percent(share)}`,
    };
  });
}

/**
 * @param {string} name
 * @param {string} title
 * @param {(value: any) => string} [write]
 * @returns {Column}
 */
export function numberColumn(name, title, write = count) {
  return { name, title, value: (row) => row[name], show: (row) => write(row[name]), isNumber: true };
}

/** @returns {Column} */
export function completionColumn() {
  return {
    name: "completion_rate",
    title: "Completion",
    value: (row) => row.completion_rate,
    show: (row) => shareBar(row.completion_rate, row.completion_rate_interval, row.sessions),
  };
}

/**
 * @param {string} filter by which the sessions behind it are found
 * @param {string} key of the row
 * @returns {Column}
 */
export function sessionsColumn(filter, key) {
  return {
    name: "sessions",
    title: "Sessions",
    value: (row) => row.sessions,
    show: (row) =>
      drill(count(row.sessions), { [filter]: row[key] }),
    isNumber: true,
  };
}

/** @returns {Column[]} */
export function topFlowColumns() {
  return [
    {
      name: "flow",
      title: "Flow",
      value: (row) => row.name,
      show: (row) => h("a", { href: addressOf(`/flows/${row.tree_id}`) }, row.name),
    },
    sessionsColumn("flow_id", "tree_id"),
    completionColumn(),
    numberColumn("avg_duration_minutes", "Mean duration", minutes),
    {
      name: "avg_csat",
      title: "CSAT",
      value: (row) => row.avg_csat,
      show: (row) =>
        row.avg_csat === null
          ? NONE
          : [tenths(row.avg_csat), h("span", { class: "muted" }, ` of ${row.ratings}`)],
      isNumber: true,
    },
    { name: "ratings", value: (row) => row.ratings },
    { name: "flow_id", value: (row) => row.tree_id },
  ];
}
