/** What several pages show: the tiles, charts and tables of the figures that they share. */

import { addressOf } from "./address.js";
import { showBehind } from "./behind.js";
import { Chart, JSON_MODULE, specOf } from "./chart.js";
import { h } from "./elements.js";
import { FEW, between, likely, shareBar, shareText } from "./tiles.js";
import { count, minutes, percent, range, signed, some, tenths, NONE } from "./words.js";

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
      onpick: () => showBehind({ completed: "true" }),
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
      onpick: () => showBehind({ dated_by: "rating" }),
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
    no_outcome: row.completed - OUTCOMES.reduce((sum, outcome) => sum + row[outcome], 0),
    not_completed: row.sessions - row.completed,
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
 * @param {string} [label] in words, where the text is not
 */
export function drill(text, filters, label) {
  return h("button", { class: "drill", "aria-label": label, onclick: () => showBehind(filters) }, text);
}

/**
 * How a session may have ended, by the names that the rows have, with what finds them.
 *
 * @type {{name: string, title: string, filters: Record<string, string>}[]}
 */
const ENDS = [
  ...OUTCOMES.map((outcome) => ({ name: outcome, title: outcome, filters: { outcome } })),
  { name: "not_completed", title: "not completed", filters: { completed: "false" } },
  { name: "no_outcome", title: "no outcome", filters: { outcome: "none" } },
];

/**
 * Of all sessions; that a completed one has no outcome is an exception, and shown as one.
 *
 * @param {Summary} summary
 */
export function endRows({ outcome_breakdown: breakdown, total_sessions: of, completed_sessions: completed }) {
  if (of === 0) return [];
  const told = OUTCOMES.reduce((sum, outcome) => sum + breakdown[outcome], 0);
  /** @type {Record<string, number>} */
  const counts = { ...breakdown, not_completed: of - completed, no_outcome: completed - told };
  const rows = ENDS.map((end, place) => {
    const number = counts[end.name] ?? 0;
    const share = number / of;
    return {
      ...end,
      place,
      count: number,
      share,
      total: of,
      label: `${end.title} · ${count(number)}`,
      share_text: shareText(share, likely(number, of), of),
    };
  });
  return rows.filter((row) => row.name !== "no_outcome" || row.count > 0);
}

/** @param {string} fileName */
export function outcomesChart(fileName) {
  return new Chart({
    title: "Outcomes per day",
    fileName,
    spec: outcomesOf,
    columns: [
      DAY_COLUMN,
      numberColumn("sessions", "Sessions"),
      ...ENDS.map(({ name, title, filters }) =>
        drillColumn(name, title, (row) => ({ day: row.date, ...filters })),
      ),
    ],
    onPick: (row, event) => showBehind({ day: dateOf(row), ...endAt(event) }),
    empty: "No sessions in these days. Choose more days.",
  });
}

/** @param {ReturnType<typeof dailyRows>} rows */
async function outcomesOf(rows) {
  const spec = await specOf(import("../charts/outcomes.json", JSON_MODULE));
  const [, areas] = /** @type {any[]} */ (spec.layer);
  // An area needs days to lie between.
  if (rows.length < FEW_DAYS) areas.mark.type = "bar";
  if (!rows.some((row) => row.no_outcome)) areas.encoding.color.scale.domain.pop();
  return spec;
}

/**
 * Which area a click was on: it lies below what takes the clicks of its day.
 *
 * @param {MouseEvent} event
 */
function endAt({ clientX, clientY }) {
  for (const element of document.elementsFromPoint(clientX, clientY)) {
    const { datum, items } = /** @type {any} */ (element).__data__ ?? {};
    const name = datum?.outcome ?? items?.[0]?.datum?.outcome;
    const end = ENDS.find((each) => each.name === name);
    if (end) return end.filters;
  }
  return {};
}

/** @param {any} row a datum of a chart, whose day is a moment at midnight, UTC */
export function dateOf(row) {
  return new Date(row.utcyearmonthdate_date ?? row.date).toISOString().slice(0, 10);
}

export function csatChart() {
  return new Chart({
    title: "CSAT over time",
    fileName: "csat",
    spec: () => specOf(import("../charts/csat.json", JSON_MODULE)),
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
    spec: () => specOf(import("../charts/distribution.json", JSON_MODULE)),
    columns: [
      {
        name: "stars",
        title: "Stars",
        value: (row) => row.rating,
        show: (row) => drill(row.rating, { rating: row.rating, dated_by: "rating" }),
      },
      numberColumn("count", "Ratings"),
      ...shareColumns("share", "Share", (row) => [likely(row.count, row.of), row.of]),
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
      of,
      most,
      share_text: shareText(share, likely(number, of), of),
      label: of < FEW ? `${count(number)} of only ${of}` : `${count(number)} · ${percent(share)}`,
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

/**
 * A number that leads to the sessions it counts.
 *
 * @param {string} name
 * @param {string} title
 * @param {(row: any) => Record<string, string | number>} filters
 * @returns {Column}
 */
export function drillColumn(name, title, filters) {
  return {
    ...numberColumn(name, title),
    show: (row) => (row[name] ? drill(count(row[name]), filters(row)) : count(row[name])),
  };
}

/**
 * A share with its bar; a file has in columns of their own between what it may be, and of how many
 * it is.
 *
 * @param {string} name
 * @param {string} title
 * @param {(row: any) => [{low: number, high: number} | null, number]} sample its interval, and of how many it is
 * @param {(row: any) => Record<string, string | number>} [filters]
 * @returns {Column[]}
 */
export function shareColumns(name, title, sample, filters) {
  return [
    {
      name,
      title,
      value: (row) => row[name],
      show: (row) =>
        shareBar(row[name], ...sample(row), filters && row[name] ? () => showBehind(filters(row)) : undefined),
    },
    { name: `${name}_low`, value: (row) => rounded(sample(row)[0]?.low) },
    { name: `${name}_high`, value: (row) => rounded(sample(row)[0]?.high) },
    { name: `${name}_of`, value: (row) => sample(row)[1] },
  ];
}

/** @param {number | undefined} share to 3 decimals, as the API has them */
function rounded(share) {
  return share === undefined ? null : Math.round(share * 1000) / 1000;
}

/**
 * @param {string} filter by which the sessions behind it are found
 * @param {string} key of the row
 */
export function completionColumns(filter, key) {
  return shareColumns(
    "completion_rate",
    "Completion",
    (row) => [row.completion_rate_interval, row.sessions],
    (row) => ({ completed: "true", [filter]: row[key] }),
  );
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
    ...completionColumns("flow_id", "tree_id"),
    numberColumn("avg_duration_minutes", "Mean duration", minutes),
    {
      name: "avg_csat",
      title: "CSAT",
      value: (row) => row.avg_csat,
      show: (row) =>
        row.avg_csat === null
          ? NONE
          : [
              h("span", { class: row.ratings < FEW ? "muted" : undefined }, tenths(row.avg_csat)),
              h(
                "span",
                { class: "sample-below" },
                drill(some(row.ratings, "rating"), { flow_id: row.tree_id, dated_by: "rating" }),
              ),
            ],
      isNumber: true,
    },
    { name: "ratings", value: (row) => row.ratings },
    { name: "flow_id", value: (row) => row.tree_id },
  ];
}
