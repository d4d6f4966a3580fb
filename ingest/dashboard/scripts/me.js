/** How one's own work goes. */

import donutSpec from "../charts/donut.json" with { type: "json" };
import sessionsSpec from "../charts/sessions.json" with { type: "json" };
import { asked, windowAsked } from "./address.js";
import { areAllOf, showBehind } from "./behind.js";
import { Chart } from "./chart.js";
import { h, refill } from "./elements.js";
import {
  DAY_COLUMN,
  OUTCOMES,
  commonTiles,
  dailyRows,
  dateOf,
  drill,
  numberColumn,
  topFlowColumns,
} from "./figures.js";
import { run } from "./page.js";
import { upshot } from "./signed-in.js";
import { table } from "./table.js";
import { tiles } from "./tiles.js";
import { count, percent } from "./words.js";

const sessions = new Chart({
  title: "Sessions per day",
  fileName: "sessions-per-day",
  spec: () => sessionsSpec,
  columns: [DAY_COLUMN, numberColumn("sessions", "Sessions"), numberColumn("completed", "Completed")],
  onPick: (row) => showBehind({ day: dateOf(row) }),
  empty: "You had no sessions in these days. Choose more days.",
});
const outcomes = new Chart({
  title: "Outcomes",
  fileName: "outcomes",
  spec: () => donutSpec,
  columns: [
    { name: "outcome", title: "Outcome", value: (row) => row.name, show: (row) => (row.filters ? drill(row.name, row.filters) : row.name) },
    numberColumn("count", "Sessions"),
    numberColumn("share", "Share", percent),
  ],
  onPick: (row) => row.filters && showBehind(row.filters),
  empty: "No sessions, no outcomes.",
});

/** @param {import("../public/client.d.ts").Summary} summary */
function outcomeRows({ outcome_breakdown: breakdown, total_sessions: of }) {
  if (of === 0) return [];
  const told = OUTCOMES.map((outcome) => ({
    name: outcome,
    count: breakdown[outcome],
    filters: { outcome },
  }));
  const rest = of - told.reduce((sum, each) => sum + each.count, 0);
  return [...told, { name: "no outcome", count: rest, filters: null }].map((each, place) => ({
    ...each,
    label: `${each.name} · ${count(each.count)}`,
    place,
    share: each.count / of,
    total: of,
  }));
}

const wasSent = asked().sent === "team";
// For whoever was sent once, and not for those that they share the address with.
if (wasSent) {
  const { sent: _, ...others } = asked();
  const query = new URLSearchParams(others).toString();
  history.replaceState(null, "", location.pathname + (query && `?${query}`));
}

run({
  isAllowed: (caller) => {
    areAllOf({ engineer_id: caller.user_id });
    return true;
  },
  load: () => upshot.me({ ...windowAsked(), previous: true }),
  draw: (content, figures, { meanings }) => {
    const { summary, previous, meta } = figures;
    sessions.show(summary.total_sessions ? dailyRows(figures.time_series, meta.partial_day) : []);
    outcomes.show(outcomeRows(summary));
    refill(
      content,
      wasSent &&
        h(
          "p",
          { class: "card told", role: "note" },
          "The team's page is for team admins, so this is your own work.",
        ),
      h("h1", { class: "hidden" }, "My work"),
      tiles(commonTiles(figures), meanings, previous),
      h("div", { class: "columns wide-first" }, sessions.element, outcomes.element),
      table({
        id: "top-flows",
        title: "My top flows",
        fileName: "my-top-flows",
        columns: topFlowColumns(),
        rows: figures.top_flows,
        empty: "You used no flow in these days.",
      }),
    );
  },
});
