/** What people wrote: the newest or the lowest rated, with a search. */

import { ask, asked, lookAgain } from "./address.js";
import { h } from "./elements.js";
import { upshot } from "./signed-in.js";
import { saveAll } from "./save-all.js";
import { at, stars } from "./words.js";

const MORE = 20;
const LARGEST_PAGE = 500;
const ORDERS = { newest: "Newest first", lowest: "Lowest rated first" };

let shown = MORE;
/** @type {HTMLElement | undefined} */
let saving;

/** @param {string} flowId */
function load(flowId) {
  return upshot.comments({ ...query(flowId), limit: shown });
}

/**
 * @param {string} flowId
 * @returns {import("../public/client.d.ts").CommentsQuery}
 */
function query(flowId) {
  const { order, q } = asked();
  return { flow_id: flowId, order: order === "lowest" ? "lowest" : "newest", q: q || undefined };
}

function showMore() {
  shown = Math.min(shown + MORE, LARGEST_PAGE);
  lookAgain();
}

/**
 * @typedef {import("../public/client.d.ts").CommentPage} CommentPage
 * @typedef {import("../public/client.d.ts").ListedComment} ListedComment
 */

/**
 * @param {CommentPage} page
 * @param {string} zone
 * @param {string} flowId
 */
function element(page, zone, flowId) {
  const { order, q } = asked();
  /** @param {SubmitEvent} event */
  const search = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    ask({ q: String(form.get("q")) || null });
  };
  return h(
    "section",
    { class: "card", id: "comments", "aria-label": "Comments" },
    h(
      "div",
      { class: "card-head" },
      h("h2", {}, "Comments ", h("span", { class: "muted" }, "of all time")),
      h(
        "form",
        { class: "search", role: "search", onsubmit: search },
        h(
          "label",
          {},
          h("span", { class: "hidden" }, "Order"),
          h(
            "select",
            { id: "order", onchange: (/** @type {any} */ event) => ask({ order: event.target.value }) },
            Object.entries(ORDERS).map(([value, text]) =>
              h("option", { value, selected: value === (order ?? "newest") }, text),
            ),
          ),
        ),
        h(
          "label",
          {},
          h("span", { class: "hidden" }, "Search in the comments"),
          h("input", { id: "q", name: "q", type: "search", maxlength: 100, placeholder: "Search", value: q }),
        ),
        page.comments.length > 0 && (saving ??= file(flowId)),
      ),
    ),
    page.comments.length === 0
      ? h("p", { class: "empty" }, q ? `No comment says “${q}”.` : "No comments that you may read yet; others' are shown to engineers when at least 5 people have rated.")
      : h("ul", { class: "said" }, page.comments.map((each) => comment(each, zone))),
    page.next_cursor && shown < LARGEST_PAGE && h("button", { id: "more-comments", onclick: showMore }, "Show more"),
  );
}

/**
 * @param {ListedComment} each
 * @param {string} zone
 */
function comment(each, zone) {
  return h(
    "li",
    {},
    h("span", { class: "stars", role: "img", "aria-label": `${each.rating} of 5 stars` }, stars(each.rating)),
    h("p", { class: "text" }, each.comment),
    h(
      "p",
      { class: "muted" },
      `${each.user_name ?? "Somebody"}, `,
      h("time", { datetime: each.created_at }, at(each.created_at, zone)),
    ),
  );
}

/** @param {string} flowId the page's own, so one button does */
function file(flowId) {
  /** @param {string} name */
  const column = (name) => ({ name, title: name, value: (/** @type {any} */ row) => row[name] });
  return saveAll({
    fileName: "comments",
    label: "Save “Comments” as CSV",
    id: "comments-csv",
    columns: ["created_at", "rating", "comment", "user_name"].map(column),
    load: async (page) => {
      const { comments: rows, next_cursor: next } = await upshot.comments({ ...query(flowId), ...page });
      return { rows, next };
    },
  });
}

export const comments = { load, element };
