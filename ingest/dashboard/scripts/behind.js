/** The sessions behind a figure, one by one, in a dialog whose filters stand in the address. */

import { ask, asked, behindAsked, behindText, windowAsked } from "./address.js";
import { h, refill } from "./elements.js";
import { UpshotProblem } from "../public/client.js";
import { toSignIn, upshot } from "./signed-in.js";
import { plainTable, saveCsv } from "./table.js";
import { at, count, minutes, some, stars, wholeDay } from "./words.js";

const PAGE = 50;
const MOST_IN_A_FILE = 10_000;
const LARGEST_PAGE = 500;

const body = h("div", { class: "behind" });
const dialog = h("dialog", { "aria-labelledby": "behind-title", onclose: () => behindAsked() && ask({ behind: null }) }, body);

/** @type {Record<string, string>} */
let whole = {};
let turn = 0;

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
  const mine = ++turn;
  refill(body, head("Sessions"), h("p", { class: "loading" }, h("span", { class: "spinner" }), "Loading …"));
  if (!dialog.open) dialog.showModal();
  try {
    await fill(filters, around, () => mine === turn);
  } catch (problem) {
    if (mine === turn) fail(problem, around);
  }
}

/**
 * @param {unknown} problem
 * @param {import("./page.js").Around} around
 */
function fail(problem, around) {
  if (problem instanceof UpshotProblem && problem.status === 401) return toSignIn();
  refill(
    body,
    head("Sessions"),
    h("p", { role: "alert" }, problem instanceof Error ? problem.message : String(problem)),
    h("button", { onclick: () => showSessions(around) }, "Try again"),
  );
}

/**
 * @param {Record<string, string>} filters
 * @param {import("./page.js").Around} around
 * @param {() => boolean} isWanted false as soon as others are
 */
async function fill(filters, around, isWanted) {
  const asking = query(filters);
  const first = await upshot.sessions({ ...asking, limit: PAGE, total: true });
  if (!isWanted()) return;
  const columns = columnsOf(first.meta.time_zone, around);
  const rows = first.sessions;
  let cursor = first.next_cursor ?? undefined;
  const total = first.total ?? 0;
  const title = titleOf(filters, around);

  const csvOf = total > MOST_IN_A_FILE ? `CSV of the newest ${count(MOST_IN_A_FILE)}` : "CSV of all";

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
        : h("p", { class: "empty" }, "None. Look at other days."),
      h(
        "div",
        { class: "buttons" },
        cursor && h("button", { id: "more", onclick: more }, "Show more"),
        rows.length > 0 && h("button", { class: "quiet", onclick: saveAll, id: "behind-csv" }, csvOf),
      ),
    );
  /** @param {(button: HTMLButtonElement) => Promise<void>} act */
  const onceAtATime = (act) => async (/** @type {Event} */ event) => {
    const button = /** @type {HTMLButtonElement} */ (event.currentTarget);
    button.disabled = true;
    try {
      await act(button);
    } catch (problem) {
      if (isWanted()) fail(problem, around);
    }
    button.disabled = false;
  };
  const more = onceAtATime(async () => {
    const next = await upshot.sessions({ ...asking, limit: PAGE, cursor });
    if (!isWanted()) return;
    rows.push(...next.sessions);
    cursor = next.next_cursor ?? undefined;
    draw();
  });
  const saveAll = onceAtATime(async () => saveCsv("sessions", columns, await all(asking)));
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

/**
 * @param {Record<string, string>} filters
 * @param {import("./page.js").Around} around
 */
function titleOf({ day, outcome, completed, rating }, { caller }) {
  // Whatever figure led here: an engineer reads no others.
  const parts = [caller.role === "engineer" ? "Your own sessions" : "Sessions"];
  if (outcome) parts.push(outcome === "none" ? "without an outcome" : `that were ${outcome}`);
  if (completed) parts.push(completed === "true" ? "that were completed" : "not completed");
  if (rating) parts.push(`rated ${rating}`);
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
    { name: "session_id", value: (row) => row.session_id },
  ];
  return caller.role === "engineer" ? columns.filter((each) => each.name !== "engineer") : columns;
}
