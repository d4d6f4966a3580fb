/**
 * Tables, each with its file for spreadsheets.
 *
 * @typedef {{
 *   name: string,
 *   title?: string,
 *   value: (row: any) => string | number | null | undefined,
 *   show?: (row: any) => any,
 *   isNumber?: boolean,
 * }} Column `name` heads it in the file, `title` on the page, which leaves out what has none; `show` makes what is seen of a value
 */

import { csv, save } from "./csv.js";
import { h } from "./elements.js";
import { NONE } from "./words.js";

/**
 * @param {{title: string, fileName: string, columns: Column[], rows: any[], empty: string,
 *   id: string}} table
 */
export function table({ title, fileName, columns, rows, empty, id }) {
  const isEmpty = rows.length === 0;
  return h(
    "section",
    { class: "card", id, "aria-label": title },
    h(
      "div",
      { class: "card-head" },
      h("h2", {}, title),
      !isEmpty &&
        h(
          "button",
          {
            class: "quiet",
            "aria-label": `Save “${title}” as CSV`,
            onclick: () => saveCsv(fileName, columns, rows),
          },
          "CSV",
        ),
    ),
    isEmpty ? h("p", { class: "empty" }, empty) : plainTable(columns, rows, title),
  );
}

/**
 * @param {Column[]} columns
 * @param {any[]} rows
 * @param {string} caption
 */
export function plainTable(columns, rows, caption) {
  const shown = columns.filter((each) => each.title);
  return h(
    "div",
    { class: "scrolls", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h("tr", {}, shown.map((each) => h("th", { scope: "col", class: kind(each) }, each.title))),
      ),
      h(
        "tbody",
        {},
        rows.map((row) => h("tr", {}, shown.map((each, place) => cell(each, row, place === 0)))),
      ),
    ),
  );
}

/**
 * @param {Column} column
 * @param {any} row
 * @param {boolean} isFirst
 */
function cell(column, row, isFirst) {
  const shown = (column.show ?? column.value)(row) ?? NONE;
  return h(isFirst ? "th" : "td", { scope: isFirst ? "row" : undefined, class: kind(column) }, shown);
}

/** @param {Column} column */
function kind(column) {
  return column.isNumber ? "number" : undefined;
}

/**
 * @param {string} fileName
 * @param {Column[]} columns
 * @param {any[]} rows
 */
export function saveCsv(fileName, columns, rows) {
  const values = rows.map((row) => columns.map((each) => each.value(row)));
  save(`${fileName}.csv`, "text/csv", [csv([columns.map((each) => each.name), ...values])]);
}
