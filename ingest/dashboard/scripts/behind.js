/** The sessions behind a figure, one by one, in a dialog whose filters stand in the address. */

import { ask, asked, behindAsked, behindText, windowAsked } from "./address.js";
import { h, refill } from "./elements.js";
import { UpshotProblem } from "../public/client.js";
import { toSignIn, upshot } from "./signed-in.js";
import { saveAll } from "./save-all.js";
import { plainTable } from "./table.js";
import { days, lately, minutes, some, stars, wholeDay } from "./words.js";

const PAGE = 50;

const body = h("div", { class: "behind" });
const dialog = h("dialog", { "aria-labelledby": "behind-title", onclose: forget }, body);

/** @type {Record<string, string>} */
let whole = {};
/** What the steps are called that sessions are filtered by. @type {Map<string, string>} */
export const stepTitles = new Map();
let turn = 0;

/** Take the sessions out of the address, unless others are shown by the time one hears of it. */
function forget() {
  if (!dialog.open && behindAsked()) ask({ behind: null });
}

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

/** @param {unknown} problem */
function isSignedOut(problem) {
  return problem instanceof UpshotProblem && problem.status === 401;
}

/**
 * @param {unknown} problem
 * @param {import("./page.js").Around} around
 */
function fail(problem, around) {
  if (isSignedOut(problem)) return toSignIn();
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

  const { window } = first.meta;
  const when = window && !filters.day ? `, ${days(window.from, window.to)}` : "";
  const file = saveAll({
    fileName: "sessions",
    label: "CSV of all of these sessions",
    id: "behind-csv",
    text: "CSV of all",
    columns,
    total,
    load: async (page) => {
      const { sessions, next_cursor: next } = await upshot.sessions({ ...asking, ...page });
      return { rows: sessions, next };
    },
    fail: (problem) => isSignedOut(problem) && toSignIn(),
  });

  const draw = () =>
    refill(
      body,
      head(titleOf(filters, around)),
      h(
        "div",
        { class: "card-head" },
        h(
          "p",
          { class: "muted", role: "status" },
          some(total),
          when,
          rows.length < total ? `, the newest ${rows.length} shown` : "",
        ),
        rows.length > 0 && file,
      ),
      rows.length
        ? plainTable(columns, rows, "Sessions")
        : h("p", { class: "empty" }, "None. Look at other days."),
      cursor && h("div", { class: "buttons" }, h("button", { id: "more", onclick: more }, "Show more")),
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
  draw();
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
    { class: "card-head dialog-head" },
    h("h2", { id: "behind-title" }, title),
    h("button", { class: "quiet", onclick: () => dialog.close(), "aria-label": "Close" }, "✕"),
  );
}

/**
 * @param {Record<string, string>} filters
 * @param {import("./page.js").Around} around
 */
function titleOf({ day, outcome, completed, rating, dated_by, step_id, ...step }, { caller }) {
  // Whatever figure led here: an engineer reads no others.
  const parts = [caller.role === "engineer" ? "Your own sessions" : "Sessions"];
  if (outcome) parts.push(outcome === "none" ? "without an outcome" : `that were ${outcome}`);
  if (step_id) {
    const title = `“${stepTitles.get(step_id) ?? step_id}”`;
    if (step.was_helpful) parts.push(`in which ${title} was found ${step.was_helpful === "true" ? "" : "not "}helpful`);
    else if (dated_by === "vote") parts.push(`with a vote on ${title}`);
    else if (step.step_was_last === undefined) parts.push(`that reached ${title}`);
    else if (step.step_was_last === "false") parts.push(`that went on from ${title}`);
    else parts.push(completed === "true" ? `completed at ${title}` : `left at ${title}`);
  } else if (completed) parts.push(completed === "true" ? "that were completed" : "not completed");
  if (rating) parts.push(`rated ${rating}`);
  else if (dated_by === "rating") parts.push("that were rated");
  if (day) parts.push(`${(dated_by ?? "start") === "start" ? "of" : "on"} ${wholeDay(day)}`);
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
    { name: "started_at", title: "Started", value: (row) => row.started_at, show: (row) => lately(row.started_at, zone) },
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
