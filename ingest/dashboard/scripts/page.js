/** What all pages have: who looks, for which days, and figures that update by themselves. */

import { UpshotProblem } from "../public/client.js";
import { addressOf, ask, asked, onAsked, windowAsked, PERIODS } from "./address.js";
import { showSessions } from "./behind.js";
import { h, refill } from "./elements.js";
import { signedIn, signOut, toSignIn } from "./signed-in.js";
import { at, days, wholeDay } from "./words.js";

const LOOK_AGAIN_SECONDS = 10;
/** Where nobody has touched the page for so long, it looks less often. */
const LEFT_ALONE_AFTER_SECONDS = 300;
const LOOK_AGAIN_LEFT_ALONE_SECONDS = 60;
const TOUCHES = ["pointermove", "pointerdown", "keydown", "wheel"];
export const ADMINS = ["team_admin", "super_admin"];

/**
 * @typedef {import("../public/client.d.ts").Caller} Caller
 * @typedef {import("../public/client.d.ts").TeamAnalytics["meta"]} Meta
 *
 * @typedef {{
 *   caller: Caller,
 *   meanings: Map<string, string>,
 * }} Around
 */

/**
 * @template {{meta: Meta}} Figures
 * @typedef {{
 *   filters?: () => HTMLElement,
 *   load: () => Promise<Figures>,
 *   draw: (content: HTMLElement, figures: Figures, around: Around) => void,
 *   isAllowed?: (caller: Caller) => boolean,
 * }} Page
 */

const masthead = /** @type {HTMLElement} */ (document.querySelector("#masthead"));
const main = /** @type {HTMLElement} */ (document.querySelector("main"));
const content = h("div", { id: "content", "aria-busy": "true" });
const freshness = h("p", { class: "freshness" });

/**
 * Run a page.
 *
 * @template {{meta: Meta}} Figures
 * @param {Page<Figures>} page
 */
export async function run(page) {
  applyTheme(localStorage.getItem("upshot.theme"));
  main.append(freshness, content);
  refill(content, h("div", { class: "loading" }, h("span", { class: "spinner" }), "Loading …"));
  try {
    const [caller, described] = await signedIn();
    const meanings = new Map(
      described.figures.map((each) => [each.name, each.description]),
    );
    const around = { caller, meanings };
    if (page.isAllowed && !page.isAllowed(caller)) return;
    await keepUp(page, around);
  } catch (problem) {
    fail(problem, () => location.reload());
  }
}

/**
 * Load and draw now, whenever the address changes, and every few seconds while somebody looks.
 *
 * @template {{meta: Meta}} Figures
 * @param {Page<Figures>} page
 * @param {Around} around
 */
async function keepUp(page, around) {
  let turn = 0;
  let shown = "";
  let isLooking = false;
  let lastTouch = performance.now();
  let lastLook = 0;
  let confirmed = { asOf: "", at: 0 };

  /** @param {boolean} [isAsked] whoever asks waits for nobody; what comes by itself does */
  async function look(isAsked = false) {
    if (!isAsked && (isLooking || isInUse())) return;
    const mine = ++turn;
    isLooking = true;
    lastLook = performance.now();
    if (isAsked) content.setAttribute("aria-busy", "true");
    try {
      const figures = await page.load();
      if (mine !== turn) return;
      const { meta, ...rest } = figures;
      // What has not changed comes out of the browser's cache, with the moment that it was made at.
      if (meta.as_of !== confirmed.asOf) confirmed = { asOf: meta.as_of, at: performance.now() };
      const { behind: _, ...address } = asked();
      const text = JSON.stringify([rest, meta.window, address]);
      if (text !== shown) page.draw(content, figures, around);
      if (!shown) performance.mark("figures");
      shown = text;
      content.setAttribute("aria-busy", "false");
      refill(freshness, freshnessOf(meta, performance.now() - confirmed.at));
      freshness.classList.remove("is-stale");
    } catch (problem) {
      if (mine !== turn) return;
      if (problem instanceof UpshotProblem && problem.status === 401) return toSignIn();
      if (isAsked) {
        shown = "";
        fail(problem, () => look(true));
      } else if (shown) {
        freshness.classList.add("is-stale");
        refill(freshness, "The service does not answer; these figures are the last known. Trying again.");
      }
    } finally {
      if (mine === turn) isLooking = false;
    }
  }

  for (const touch of TOUCHES) {
    addEventListener(touch, () => (lastTouch = performance.now()), { passive: true });
  }
  const isDue = () => {
    const now = performance.now();
    const isLeftAlone = now - lastTouch > LEFT_ALONE_AFTER_SECONDS * 1000;
    // Half a round of tolerance: timers are not exact.
    const rest = LOOK_AGAIN_LEFT_ALONE_SECONDS - LOOK_AGAIN_SECONDS / 2;
    return !isLeftAlone || now - lastLook > rest * 1000;
  };
  const begin = () => {
    refill(masthead, head(around.caller, page.filters));
    look(true);
    showSessions(around);
  };
  onAsked(begin);
  setInterval(() => document.hidden || !isDue() || look(), LOOK_AGAIN_SECONDS * 1000);
  document.addEventListener("visibilitychange", () => document.hidden || look());
  begin();
}

/** Whether somebody writes or reads what new figures would take away under their hands. */
function isInUse() {
  const isWriting = document.activeElement?.matches("#content input, #content select");
  return Boolean(isWriting || content.querySelector(":popover-open"));
}

/**
 * @param {unknown} problem
 * @param {() => void} again
 */
function fail(problem, again) {
  content.setAttribute("aria-busy", "false");
  const { title, advice } = explained(problem);
  refill(
    content,
    h(
      "section",
      { class: "card problem", role: "alert" },
      h("h1", {}, title),
      h("p", {}, advice),
      h("button", { onclick: again }, "Try again"),
    ),
  );
}

/** @param {unknown} problem */
function explained(problem) {
  if (!(problem instanceof UpshotProblem)) {
    return { title: "The service cannot be reached", advice: "Is the network there? Then try again." };
  }
  switch (problem.status) {
    case 403:
      return { title: "This is not yours to see", advice: problem.message };
    case 404:
      return { title: "There is no such thing", advice: problem.message };
    case 422:
      return {
        title: "The address asks for something that there is not",
        advice: [problem.message, ...problem.errors.map((each) => each.detail)].join(" "),
      };
    case 503:
      return { title: "The figures are not there yet", advice: problem.message };
    default:
      return { title: "Something went wrong", advice: problem.message };
  }
}

/**
 * @param {Caller} caller
 * @param {(() => HTMLElement) | undefined} filters
 */
function head(caller, filters) {
  const isAdmin = ADMINS.includes(caller.role);
  return [
    h("a", { class: "skip", href: "#main" }, "Skip to the figures"),
    h(
      "div",
      { class: "bar" },
      h("a", { class: "brand", href: addressOf(isAdmin ? "/" : "/me") }, "Upshot"),
      h("span", { class: "account" }, caller.account_name ?? "Account without a name"),
      h(
        "nav",
        { "aria-label": "Pages" },
        isAdmin && link("/", "Team"),
        link("/me", "My work"),
      ),
      h("span", { class: "grow" }),
      h("span", { class: "who muted" }, caller.user_name ?? "Unknown"),
      h(
        "button",
        { id: "theme", class: "quiet", onclick: toggleTheme, "aria-label": "Light or dark" },
        "◐",
      ),
      h("button", { class: "quiet", onclick: signOut }, "Sign out"),
    ),
    h("div", { class: "bar controls" }, periods(), filters?.()),
  ];
}

/**
 * @param {string} path
 * @param {string} text
 */
function link(path, text) {
  const current = location.pathname === path ? "page" : undefined;
  return h("a", { href: addressOf(path), "aria-current": current }, text);
}

function periods() {
  const { period, from, to } = windowAsked();
  /** @param {SubmitEvent} event */
  const choose = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    ask({ from: String(form.get("from")), to: String(form.get("to")), period: null });
  };
  return h(
    "div",
    { class: "periods" },
    h(
      "div",
      { role: "group", "aria-label": "Period", class: "segments" },
      PERIODS.map((each) =>
        h(
          "button",
          {
            id: `period-${each}`,
            "aria-pressed": String(each === period),
            onclick: () => ask({ period: each, from: null, to: null }),
          },
          `${parseInt(each, 10)} days`,
        ),
      ),
    ),
    h(
      "form",
      { class: "range", onsubmit: choose },
      h("label", {}, h("span", {}, "From"), h("input", { type: "date", name: "from", value: from, required: true })),
      h("label", {}, h("span", {}, "to"), h("input", { type: "date", name: "to", value: to, required: true })),
      h("button", { "aria-pressed": String(Boolean(from)) }, "Show"),
    ),
  );
}

/**
 * @param {Meta} meta
 * @param {number} since for how many milliseconds these figures have been confirmed
 */
function freshnessOf(meta, since) {
  const { window, time_zone: zone } = meta;
  const asOf = new Date(Date.parse(meta.as_of) + since).toISOString();
  return [
    h(
      "span",
      { title: `${wholeDay(window.from)} to ${wholeDay(window.to)}` },
      h("span", { class: "dot" }),
      `${days(window.from, window.to)} · as of `,
      h("time", { datetime: asOf }, at(asOf, zone, { timeStyle: "medium" })),
      ` in ${zone.replaceAll("_", " ")}`,
    ),
    meta.partial_day && h("span", {}, "· today is not over"),
    meta.warnings.map((each) => h("span", { class: "warning" }, each)),
  ];
}

/** @param {string | null} theme */
function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

function toggleTheme() {
  const next = isDark() ? "light" : "dark";
  localStorage.setItem("upshot.theme", next);
  applyTheme(next);
  dispatchEvent(new Event("theme"));
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
