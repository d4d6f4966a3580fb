/** How one's own work goes. */

import { asked, windowAsked } from "./address.js";
import { areAllOf, showBehind } from "./behind.js";
import { Chart, JSON_MODULE, NARROW, specOf } from "./chart.js";
import { h, refill } from "./elements.js";
import {
  DAY_COLUMN,
  commonTiles,
  dailyRows,
  dateOf,
  drillColumn,
  endRows,
  numberColumn,
  shareColumns,
  topFlowColumns,
} from "./figures.js";
import { run } from "./page.js";
import { upshot } from "./signed-in.js";
import { table } from "./table.js";
import { likely, tiles } from "./tiles.js";

const sessions = new Chart({
  title: "Sessions per day",
  fileName: "sessions-per-day",
  spec: () => specOf(import("../charts/sessions.json", JSON_MODULE)),
  columns: [DAY_COLUMN, numberColumn("sessions", "Sessions"), drillColumn("completed", "Completed", (row) => ({ day: row.date, completed: "true" }))],
  onPick: (row) => showBehind({ day: dateOf(row) }),
  empty: "You had no sessions in these days. Choose more days.",
});
const outcomes = new Chart({
  title: "Outcomes",
  fileName: "outcomes",
  spec: async (_, width) => {
    const spec = await specOf(import("../charts/donut.json", JSON_MODULE));
    const [parts] = /** @type {any[]} */ (spec.layer);
    if (width < NARROW) parts.encoding.color.legend.orient = "bottom";
    return spec;
  },
  columns: [
    { name: "outcome", title: "Outcome", value: (row) => row.title },
    drillColumn("count", "Sessions", (row) => row.filters),
    ...shareColumns("share", "Share", (row) => [likely(row.count, row.total), row.total]),
  ],
  onPick: (row) => showBehind(row.filters),
  empty: "No sessions, no outcomes.",
});

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
    outcomes.show(endRows(summary));
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
