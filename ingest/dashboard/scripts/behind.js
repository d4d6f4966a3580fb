/** The sessions behind a figure, one by one, in a dialog whose filters stand in the address. */

import { ask, asked, behindAsked, behindText, windowAsked } from "./address.js";
import { h, refill } from "./elements.js";
import { upshot } from "./signed-in.js";
import { plainTable, saveCsv } from "./table.js";
import { at, minutes, some, stars, wholeDay } from "./words.js";

const PAGE = 50;
const MOST_IN_A_FILE = 10_000;
const LARGEST_PAGE = 500;

const body = h("div", { class: "behind" });
const dialog = h("dialog", { "aria-labelledby": "behind-title", onclose: () => behindAsked() && ask({ behind: null }) }, body);

/** @type {Record<string, string>} */
let whole = {};

/**
 * Say what the whole page is about, which every figure on it is of.
 *
 * @param {Record<string, string>} filters
 */
export function areAllOf(filters) {
  whole = filters;
}

/** @param {Record<string, string | number | undefined | null>} filters see `query` */
export function showBehind(filters) {
  ask({ behind: behindText(filters) });
}

/**
 * Show what the address asks for, if it does.
 *
 * @param {import("./page.js").Around} around
 */
export async function showSessions(around) {
  const filters = behindAsked();
  if (filters === null) {
    if (dialog.open) dialog.close();
    return;
  }
  if (!dialog.isConnected) document.body.append(dialog);
  refill(body, head("Sessions"), h("p", { class: "loading" }, h("span", { class: "spinner" }), "Loading …"));
  if (!dialog.open) dialog.showModal();
  try {
    await fill(filters, around);
  } catch (problem) {
    refill(
      body,
      head("Sessions"),
      h("p", { role: "alert" }, problem instanceof Error ? problem.message : String(problem)),
      h("button", { onclick: () => showSessions(around) }, "Try again"),
    );
  }
}

/**
 * @param {Record<string, string>} filters
 * @param {import("./page.js").Around} around
 */
async function fill(filters, around) {
  const asking = query(filters);
  const first = await upshot.sessions({ ...asking, limit: PAGE, total: true });
  const columns = columnsOf(first.meta.time_zone, around);
  const rows = first.sessions;
  let cursor = first.next_cursor ?? undefined;
  const total = first.total ?? 0;
  const title = titleOf(filters);

  const draw = () =>
    refill(
      body,
      head(title),
      h(
        "p",
        { class: "muted", role: "status" },
        some(total),
        rows.length < total ? `, the newest ${rows.length} shown` : "",
      ),
      rows.length
        ? plainTable(columns, rows, title)
        : h("p", { class: "empty" }, "None. Look at other days, or at all outcomes."),
      h(
        "div",
        { class: "buttons" },
        cursor && h("button", { id: "more", onclick: more }, "Show more"),
        rows.length > 0 && h("button", { class: "quiet", onclick: saveAll, id: "behind-csv" }, "CSV of all"),
      ),
    );
  const more = async () => {
    const next = await upshot.sessions({ ...asking, limit: PAGE, cursor });
    rows.push(...next.sessions);
    cursor = next.next_cursor ?? undefined;
    draw();
  };
  const saveAll = async () => saveCsv("sessions", columns, await all(asking));
  draw();
}

/** @param {object} asking */
async function all(asking) {
  const rows = [];
  /** @type {string | undefined} */
  let cursor;
  do {
    const page = await upshot.sessions({ ...asking, limit: LARGEST_PAGE, cursor });
    rows.push(...page.sessions);
    cursor = page.next_cursor ?? undefined;
  } while (cursor && rows.length < MOST_IN_A_FILE);
  return rows;
}

/**
 * What to ask the API for: `day` is a window of its own, all else are its own filters.
 *
 * @param {Record<string, string>} filters
 */
function query({ day, ...filters }) {
  const { engineer_id } = asked();
  const window = day ? { from: day, to: day } : windowAsked();
  return { engineer_id, ...whole, ...window, ...filters };
}

/** @param {string} title */
function head(title) {
  return h(
    "div",
    { class: "card-head" },
    h("h2", { id: "behind-title" }, title),
    h("button", { class: "quiet", onclick: () => dialog.close(), "aria-label": "Close" }, "✕"),
  );
}

/** @param {Record<string, string>} filters */
function titleOf({ day, outcome, completed, rating, rated }) {
  const parts = ["Sessions"];
  if (outcome) parts.push(outcome === "none" ? "without an outcome" : `that were ${outcome}`);
  if (completed) parts.push(completed === "true" ? "that were completed" : "not completed");
  if (rating) parts.push(`rated ${rating}`);
  if (rated) parts.push(rated === "true" ? "with a rating" : "without a rating");
  if (day) parts.push(`of ${wholeDay(day)}`);
  return parts.join(" ");
}

/**
 * @param {string} zone
 * @param {import("./page.js").Around} around
 * @returns {import("./table.js").Column[]}
 */
function columnsOf(zone, { caller }) {
  /** @type {import("./table.js").Column[]} */
  const columns = [
    { name: "started_at", title: "Started", value: (row) => row.started_at, show: (row) => at(row.started_at, zone) },
    { name: "flow", title: "Flow", value: (row) => row.flow_name },
    { name: "engineer", title: "Engineer", value: (row) => row.user_name },
    { name: "outcome", title: "Outcome", value: (row) => row.outcome ?? (row.completed_at ? "none" : "not completed") },
    { name: "duration_minutes", title: "Took", value: (row) => row.duration_minutes, show: (row) => minutes(row.duration_minutes), isNumber: true },
    { name: "steps_reached", title: "Steps", value: (row) => row.steps_reached, isNumber: true },
    { name: "rating", title: "Rating", value: (row) => row.rating, show: (row) => stars(row.rating) },
    { name: "comment", title: "Comment", value: (row) => row.comment },
    { name: "session_id", title: "", value: (row) => row.session_id, show: () => "" },
  ];
  return caller.role === "engineer" ? columns.filter((each) => each.name !== "engineer") : columns;
}
