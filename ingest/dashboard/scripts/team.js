/** How the team does. */

import { addressOf, ask, asked, windowAsked } from "./address.js";
import { h, refill } from "./elements.js";
import {
  commonTiles,
  completionColumns,
  csatChart,
  dailyRows,
  distributionChart,
  distributionRows,
  numberColumn,
  outcomesChart,
  sessionsColumn,
  topFlowColumns,
} from "./figures.js";
import { ADMINS, run } from "./page.js";
import { upshot } from "./signed-in.js";
import { table } from "./table.js";
import { tiles } from "./tiles.js";
import { count, minutes, signed } from "./words.js";

const MOST_ENGINEERS = 1000;

const outcomes = outcomesChart("outcomes");
const csat = csatChart();
const distribution = distributionChart();
const engineers = h("select", { id: "engineer", onchange: choose });
/** Those with sessions in these days, by their names. @type {{id: string, name: string}[]} */
let named = [];
let namedOf = "";

/** Name those of other days anew; once the figures are there, as they are waited for. */
async function nameEngineers() {
  const days = windowAsked();
  const mine = JSON.stringify(days);
  if (namedOf === mine) return;
  namedOf = mine;
  const { top_engineers: found } = await upshot.team({ ...days, top: MOST_ENGINEERS });
  if (namedOf !== mine) return;
  named = found.map(({ user_id: id, name }) => ({ id, name }));
  named.sort((one, other) => one.name.localeCompare(other.name));
  listEngineers();
}

function listEngineers() {
  const chosen = asked().engineer_id ?? "";
  const isKnown = chosen === "" || named.some(({ id }) => id === chosen);
  const others = isKnown ? [] : [{ id: chosen, name: named.length ? "Somebody else" : "…" }];
  refill(
    engineers,
    h("option", { value: "" }, "All engineers"),
    [...named, ...others].map(({ id, name }) => h("option", { value: id }, name)),
  );
  engineers.value = chosen;
}

function choose() {
  ask({ engineer_id: engineers.value || null });
}

run({
  isAllowed: (caller) => {
    if (ADMINS.includes(caller.role)) return true;
    location.replace(addressOf("/me", { sent: "team" }));
    return false;
  },
  filters: () => {
    listEngineers();
    return h("div", { class: "filter" }, h("label", { for: "engineer" }, "Engineer"), engineers);
  },
  load: () =>
    upshot.team({ ...windowAsked(), engineer_id: asked().engineer_id, previous: true }),
  draw: (content, figures, { meanings }) => {
    const { summary, previous, meta } = figures;
    nameEngineers().catch(() => (namedOf = ""));
    const days = dailyRows(figures.time_series, meta.partial_day);
    const isEmpty = summary.total_sessions === 0 && summary.total_ratings === 0;
    outcomes.show(isEmpty ? [] : days);
    csat.show(summary.total_ratings ? days : []);
    distribution.show(distributionRows(summary));
    refill(
      content,
      h("h1", { class: "hidden" }, "Team"),
      tiles(
        [
          ...commonTiles(figures),
          {
            name: "active_engineers",
            title: "Active engineers",
            text: count(summary.active_engineers),
            change: previous?.change.active_engineers,
            changeText: (size) => signed(size, count),
            isBetterUp: null,
          },
        ],
        meanings,
        previous,
      ),
      outcomes.element,
      h("div", { class: "columns" }, csat.element, distribution.element),
      h(
        "div",
        { class: "columns" },
        table({
          id: "top-flows",
          title: "Top flows",
          fileName: "top-flows",
          columns: topFlowColumns(),
          rows: figures.top_flows,
          empty: "No flow was used in these days.",
        }),
        table({
          id: "top-engineers",
          title: "Top engineers",
          fileName: "top-engineers",
          columns: [
            {
              name: "engineer",
              title: "Engineer",
              value: (row) => row.name,
              show: (row) =>
                h("a", { href: addressOf("/", { engineer_id: row.user_id }) }, row.name),
            },
            sessionsColumn("engineer_id", "user_id"),
            ...completionColumns("engineer_id", "user_id"),
            numberColumn("avg_duration_minutes", "Mean duration", minutes),
            { name: "user_id", value: (row) => row.user_id },
          ],
          rows: figures.top_engineers,
          empty: "Nobody had a session in these days.",
        }),
      ),
    );
  },
});
