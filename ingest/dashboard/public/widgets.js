/**
 * <upshot-rating> and <upshot-thumbs>, for any page; their types stand in widgets.d.ts.
 *
 * What somebody says is written to the browser's storage first and sent from there: so it survives a
 * reload, and being offline.
 *
 * @import { Configuration, NewRating, Texts, Token } from "./widgets.js"
 * @import { UpshotRatingElement, UpshotThumbsElement } from "./widgets.js"
 */

import { Upshot, UpshotProblem } from "./client.js";

const SECOND = 1000;
const LONGEST_COMMENT = 500;
const LONGEST_BACKOFF_SECONDS = 300;
const LONGEST_WAIT_SECONDS = 3600;
const MOST_KEPT = 300;
const KEPT_FOR = 30 * 24 * 3600 * SECOND;
const TOKEN_SECONDS = 10;
const SEND_SECONDS = 30;
/** Longer than a token and an answer may take. */
const LEASE = 45 * SECOND;

/** @type {Texts} */
const texts = {
  question: "How did it go?",
  star: "{n} of 5 stars",
  comment: "Comment (optional)",
  count: "{n} of 500 characters",
  send: "Send",
  skip: "Skip",
  thanks: "Thank you!",
  helpful: "Did this step help?",
  up: "It helped",
  down: "It did not help",
  voted: "Thank you!",
  hint: "Thank you! Click again to take it back.",
  withdrawn: "Taken back.",
  problem: "This could not be sent.",
};

/** @type {{ api: string }} */
const page = { api: address(".", import.meta.url) };

/** @param {Configuration} configuration */
export function configure(configuration) {
  if (configuration.api !== undefined) page.api = address(configuration.api, document.baseURI);
  if (configuration.texts) Object.assign(texts, configuration.texts);
  if (configuration.token !== undefined) useToken(page.api, configuration.token);
  for (const widget of widgets) widget.renew();
}

/**
 * @param {string} path
 * @param {string} base
 */
function address(path, base) {
  return new URL(path, base).href.replace(/\/+$/, "");
}

// --- what the browser keeps ---------------------------------------------------------------------
// Each thing has a name of its own: tabs that write at the same time do not overwrite each other's.

const PREFIX = "upshot.";
/** In the place of a storage that is full or forbidden. @type {Map<string, any>} */
const memory = new Map();

/**
 * @param {string} name
 * @returns {any} null where there is nothing, or nothing that can be read
 */
function read(name) {
  try {
    return memory.get(name) ?? JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {object} value
 */
function write(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
    memory.delete(name);
  } catch {
    memory.set(name, value);
  }
}

/** @param {string} name */
function forget(name) {
  memory.delete(name);
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // Then it was not kept there.
  }
}

/** @param {string} kind */
function names(kind) {
  const all = [...memory.keys()];
  try {
    all.push(...Object.keys(localStorage).map((key) => key.slice(PREFIX.length)));
  } catch {
    // What is in memory is all there is.
  }
  return [...new Set(all)].filter((name) => name.startsWith(kind) && read(name));
}

/**
 * Forget the oldest of a kind, and what is very old.
 *
 * @param {string} kind
 * @param {number} most
 */
function prune(kind, most) {
  const newest = names(kind).sort((one, other) => read(other).at - read(one).at);
  for (const [place, name] of newest.entries()) {
    if (place >= most || read(name).at < Date.now() - KEPT_FOR) forget(name);
  }
}

// --- whose token --------------------------------------------------------------------------------

/** By the API that it is for. @type {Map<string, Token>} */
const tokens = new Map();
/** Whose token was used last there. @type {Map<string, string | null>} */
const owners = new Map();

/**
 * @param {string} api
 * @param {Token} token
 */
function useToken(api, token) {
  if (tokens.get(api) === token) return;
  tokens.set(api, token);
  owners.set(api, typeof token === "string" ? ownerOf(token) : null);
  deliver();
}

/** @param {string} token */
function ownerOf(token) {
  try {
    const payload = token.split(".")[1] ?? "";
    const claims = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    return `${claims.account_id}/${claims.sub}`;
  } catch {
    return null; // The API will say what is wrong with it.
  }
}

// --- the queue ----------------------------------------------------------------------------------
// Its names say what an entry is about: a second rating of a session, or vote on a step, takes the
// place of the first. Tokens are never in it; an entry waits for a token of whoever made it.

/**
 * @typedef {object} Entry
 * @property {string} api
 * @property {string | null} owner
 * @property {number} at
 * @property {number} nonce
 * @property {string} session
 * @property {NewRating} [rating]
 * @property {string} [step]
 * @property {boolean | null} [helpful] null withdraws the vote
 * @property {boolean | null} [was] what stood before
 */

let isAsked = false;
let failures = 0;
/** When it is tried again. */
let due = Infinity;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * @param {string} name
 * @param {Omit<Entry, "owner" | "at" | "nonce">} entry
 */
function enqueue(name, entry) {
  const owner = owners.get(entry.api) ?? null;
  write(name, { ...entry, owner, at: Date.now(), nonce: Math.random() });
  // There may be others of the same session or step.
  for (const widget of widgets) widget.show();
  deliver();
}

/** Send what waits: one tab at a time. */
function deliver() {
  if (isAsked) return;
  isAsked = true;
  alone(async () => {
    isAsked = false;
    await deliverAll();
  }).catch(() => {
    isAsked = false;
    again(1);
  });
}

/** @param {number} seconds */
function again(seconds) {
  const at = Date.now() + seconds * SECOND;
  if (at >= due) return;
  due = at;
  clearTimeout(timer);
  timer = setTimeout(() => {
    due = Infinity;
    deliver();
  }, seconds * SECOND);
}

/**
 * @param {() => Promise<void>} work
 * @returns {Promise<void>}
 */
async function alone(work) {
  if (navigator.locks) return navigator.locks.request(`${PREFIX}queue`, work);
  // Pages without https have no locks. A lease is nearly as good, and the API takes nothing twice.
  const me = Math.random();
  const seconds = ((read("lease")?.until ?? 0) - Date.now()) / SECOND;
  if (seconds <= 0) {
    write("lease", { me, until: Date.now() + LEASE });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (read("lease")?.me !== me) throw new Error("Another tab is sending.");
  await work().finally(() => forget("lease"));
}

async function deliverAll() {
  /** Those that take nothing for now. */
  const closed = new Set();
  /** @type {Map<string, string | null>} */
  const fetched = new Map();
  prune("queue.", Infinity);
  for (;;) {
    const name = next(closed, fetched);
    if (name === undefined) return;
    /** @type {Entry} */
    const entry = read(name);
    const wait = waitOf(entry.api);
    if (wait > 0) {
      closed.add(entry.api);
      again(wait);
      continue;
    }
    if (!fetched.has(entry.api)) {
      try {
        fetched.set(entry.api, await tokenOf(entry.api));
      } catch {
        closed.add(entry.api);
        backOff();
      }
      continue;
    }
    const token = fetched.get(entry.api);
    if (!token) {
      closed.add(entry.api);
    } else if (entry.owner === null) {
      write(name, { ...entry, owner: ownerOf(token) ?? "" });
    } else if (!(await send(name, entry, token))) {
      closed.add(entry.api);
    }
  }
}

/**
 * @param {Set<string>} closed
 * @param {Map<string, string | null>} fetched
 * @returns {string | undefined} the name of the oldest entry that can be sent
 */
function next(closed, fetched) {
  const open = names("queue.").filter((name) => {
    const { api, owner } = read(name);
    const token = fetched.get(api);
    return !closed.has(api) && (!token || !owner || owner === ownerOf(token));
  });
  return open.sort((one, other) => read(one).at - read(other).at)[0];
}

/** @param {string} api */
async function tokenOf(api) {
  const source = tokens.get(api);
  const token = (typeof source === "function" ? await inTime(source()) : source) || null;
  if (token) owners.set(api, ownerOf(token));
  return token;
}

/**
 * Whoever waits here keeps all tabs waiting.
 *
 * @template Value
 * @param {Value | Promise<Value>} value
 * @returns {Promise<Value>}
 */
function inTime(value) {
  const late = new Promise((_, reject) => {
    setTimeout(reject, TOKEN_SECONDS * SECOND, new Error("There was no token in time."));
  });
  return Promise.race([value, /** @type {Promise<never>} */ (late)]);
}

/** @param {string} api @returns {number} for how many seconds it asked to be left alone */
function waitOf(api) {
  const seconds = ((read(`wait.${api}`)?.until ?? 0) - Date.now()) / SECOND;
  return seconds > LONGEST_WAIT_SECONDS ? 0 : seconds;
}

function backOff() {
  const seconds = Math.min(2 ** failures, LONGEST_BACKOFF_SECONDS);
  failures += 1;
  again(seconds * (0.5 + Math.random() / 2));
}

/**
 * @param {string} name
 * @param {Entry} entry
 * @param {string} token
 * @returns {Promise<boolean>} whether the API takes more
 */
async function send(name, entry, token) {
  const client = new Upshot({
    baseUrl: entry.api,
    token,
    tries: 1,
    timeoutSeconds: SEND_SECONDS,
  });
  const isLast = () => read(name)?.nonce === entry.nonce;
  try {
    await call(client, entry);
  } catch (error) {
    const problem = error instanceof UpshotProblem ? error : null;
    if (problem?.code !== "already_rated") {
      if (!problem || problem.retryable) {
        const seconds = Math.min(problem?.retryAfterSeconds ?? 0, LONGEST_WAIT_SECONDS);
        if (seconds > 0) {
          write(`wait.${entry.api}`, { until: Date.now() + seconds * SECOND });
          again(seconds);
        } else {
          backOff();
        }
        return false;
      }
      // A token ends, what was said with it does not: another token sends it.
      const waits = problem.status === 401;
      const widget = find(entry);
      if (!waits && isLast()) {
        forget(name);
        undo(entry);
        widget?.refuse(entry);
      }
      tell(widget, "problem", { ...about(entry), problem, willRetry: waits });
      return !waits;
    }
  }
  failures = 0;
  if (isLast()) forget(name);
  tell(find(entry), "delivered", about(entry));
  return true;
}

/**
 * @param {Upshot} client
 * @param {Entry} entry
 */
function call(client, { session, rating, step = "", helpful = null }) {
  if (rating) return client.rate(session, rating);
  if (helpful === null) return client.withdraw(step, session);
  return client.vote(step, { session_id: session, was_helpful: helpful });
}

/** Show what stands without it. @param {Entry} entry */
function undo({ session, rating, step, was }) {
  if (rating) forget(`asked.${session}`);
  else keepVote(`${session}/${step}`, was ?? null);
}

/** @param {Entry} entry */
function about({ session, step, rating, helpful }) {
  return { sessionId: session, ...(rating ?? { stepId: step, helpful }) };
}

/**
 * @param {string} key
 * @param {boolean | null} helpful
 */
function keepVote(key, helpful) {
  if (helpful === null) return forget(`vote.${key}`);
  write(`vote.${key}`, { helpful, at: Date.now() });
  prune("vote.", MOST_KEPT);
}

/**
 * @param {HTMLElement | undefined} widget without one it is told of the page
 * @param {string} name
 * @param {object} detail
 */
function tell(widget, name, detail) {
  const event = new CustomEvent(`upshot-${name}`, { bubbles: true, composed: true, detail });
  (widget ?? document).dispatchEvent(event);
}

// --- the elements -------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
const STAR = "m12 2 3 6.5 7 .9-5.100 4.900 1.300 7L12 17.900 5.800 21.300l1.300-7L2 9.400l7-.9z";
const THUMB = "M2 10h4v11H2zm6 0 4-8a3 3 0 0 1 3 3v4h5a2 2 0 0 1 2 2.300l-1.300 8a2 2 0 0 1-2 1.700H8z";

const style = new CSSStyleSheet();
style.replaceSync(`
:host {
  display: block;
  color: var(--upshot-color, inherit);
  background: var(--upshot-background, transparent);
  font: var(--upshot-font, inherit);
  --accent: var(--upshot-accent, light-dark(#0b57d0, #a8c7fa));
  --on-accent: var(--upshot-on-accent, light-dark(#fff, #062e6f));
  --filled: var(--upshot-star, light-dark(#b45309, #fbbf24));
  --line: var(--upshot-line, color-mix(in srgb, currentColor 55%, transparent));
  --corner: var(--upshot-radius, 0.375rem);
  --icon: var(--upshot-icon, 1.75rem);
  --space: var(--upshot-space, 0.5rem);
}
:host([hidden]) { display: none; }
:host(upshot-thumbs:not([hidden])) { display: inline-flex; gap: var(--space); align-items: center;
  vertical-align: middle; }
form, .row { display: flex; flex-wrap: wrap; gap: var(--space); align-items: center; }
form { flex-direction: column; align-items: stretch; max-inline-size: 30rem; }
fieldset { border: 0; margin: 0; padding: 0; min-inline-size: 0; }
legend { padding: 0; font-weight: 600; }
p { margin: 0; }
svg { display: block; inline-size: var(--icon); block-size: var(--icon); fill: none;
  stroke: currentColor; stroke-width: 1.5; stroke-linejoin: round; }
.stars { display: inline-flex; }
.stars label { position: relative; padding: 0.2rem; border-radius: var(--corner); }
.stars input { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; margin: 0;
  opacity: 0; cursor: pointer; }
.stars label:has(:checked) svg, .stars label:has(~ label :checked) svg {
  fill: var(--filled); stroke: var(--filled); }
.stars label:has(:focus-visible), button:focus-visible, textarea:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px; }
.comment { display: flex; flex-direction: column; gap: calc(var(--space) / 2); }
textarea { font: inherit; color: inherit; background: transparent; padding: var(--space);
  border: 1px solid var(--line); border-radius: var(--corner); resize: vertical; }
small { font-variant-numeric: tabular-nums; }
button { font: inherit; color: inherit; background: transparent; cursor: pointer;
  min-block-size: 2rem; padding: 0.25rem 0.75rem;
  border: 1px solid var(--line); border-radius: var(--corner); }
.send { color: var(--on-accent); background: var(--accent); border-color: var(--accent); }
.thumb { padding: 0.25rem; --icon: var(--upshot-icon, 1.25rem); }
.down svg { rotate: 180deg; }
[aria-pressed="true"] svg { fill: var(--accent); stroke: var(--accent); }
@media (hover: hover) {
  .stars:hover label:has(~ label:hover) svg, .stars label:hover svg { stroke: var(--filled); }
  button:hover { border-color: currentColor; }
}
@media (prefers-reduced-motion: no-preference) {
  svg, button { transition: fill 0.15s, stroke 0.15s, border-color 0.15s; }
}
`);

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {object} properties
 * @param {...(Node | string)} children
 */
function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** @param {string} outline */
function icon(outline) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", outline);
  svg.append(path);
  return svg;
}

/**
 * @param {string} text
 * @param {number} n
 */
const fill = (text, n) => text.replace("{n}", String(n));

/** Those on the page. @type {Set<Widget>} */
const widgets = new Set();

/** @param {Entry} entry */
function find(entry) {
  for (const widget of widgets) if (widget.isAbout(entry)) return widget;
}

class Widget extends HTMLElement {
  static observedAttributes = ["session-id", "step-id", "question", "api", "token"];
  /** @type {Token | null} */
  #token = null;
  root = this.attachShadow({ mode: "open" });
  /** Read out when it changes. */
  status = make("p", { role: "status", part: "status", tabIndex: -1 });

  constructor() {
    super();
    this.root.adoptedStyleSheets = [style];
  }

  get sessionId() {
    return this.getAttribute("session-id");
  }
  set sessionId(value) {
    this.#reflect("session-id", value);
  }
  get stepId() {
    return this.getAttribute("step-id");
  }
  set stepId(value) {
    this.#reflect("step-id", value);
  }
  get question() {
    return this.getAttribute("question");
  }
  set question(value) {
    this.#reflect("question", value);
  }
  /** @returns {string} */
  get api() {
    const own = this.getAttribute("api");
    return own === null ? page.api : address(own, document.baseURI);
  }
  set api(value) {
    this.#reflect("api", value);
  }
  get token() {
    return this.#token;
  }
  set token(value) {
    this.#token = value;
    this.#use();
  }

  connectedCallback() {
    // What was set before this script came is in the way of the accessors.
    for (const name of /** @type {const} */ (["sessionId", "stepId", "question", "api", "token"])) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete (/** @type {any} */ (this)[name]);
      /** @type {any} */ (this)[name] = value;
    }
    widgets.add(this);
    this.#use();
    this.show();
  }

  disconnectedCallback() {
    widgets.delete(this);
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} value
   */
  attributeChangedCallback(name, before, value) {
    if (before === value) return;
    if (name === "token") this.token = value;
    if (!this.isConnected) return;
    if (name === "api") this.#use();
    if (name === "question") this.renew();
    else this.show();
  }

  /** Show what is to be seen now; what somebody is writing stays. */
  show() {}

  /** Say it in the words of now. */
  renew() {
    this.show();
  }

  /** It was not taken, for good. @param {Entry} _entry */
  refuse(_entry) {}

  /** @param {Entry} _entry */
  isAbout(_entry) {
    return false;
  }

  /** Show a text where controls were, and keep the focus near. @param {string} text */
  say(text) {
    this.status.textContent = text;
  }

  #use() {
    if (this.isConnected && this.#token) useToken(this.api, this.#token);
  }

  /**
   * @param {string} name
   * @param {string | null | undefined} value
   */
  #reflect(name, value) {
    if (value === null || value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, value);
  }
}

/** @param {HTMLFormElement} form @returns {NewRating} */
function said(form) {
  const fields = new FormData(form);
  const comment = String(fields.get("comment")).trim();
  return { rating: Number(fields.get("rating")), ...(comment && { comment }) };
}

/** @implements {UpshotRatingElement} */
class Rating extends Widget {
  /** The session that is asked about or thanked for here. @type {string | null} */
  #shown = null;

  show() {
    const session = this.sessionId;
    const isAnswered = !session || read(`asked.${session}`);
    if (session && session === this.#shown) {
      // Another tab has it, unless it was said here.
      if (isAnswered && this.root.querySelector("form")) this.hidden = true;
      return;
    }
    this.#shown = session;
    this.hidden = Boolean(isAnswered);
    if (isAnswered) this.root.replaceChildren();
    else this.#ask();
  }

  renew() {
    const form = this.root.querySelector("form");
    if (form) this.#ask(said(form));
  }

  /** @param {Entry} entry */
  refuse({ rating }) {
    this.hidden = false;
    this.#ask(rating);
    this.say(texts.problem);
  }

  /** @param {Entry} entry */
  isAbout({ session, rating }) {
    return rating !== undefined && session === this.sessionId;
  }

  /** @param {NewRating} [before] what was said in the form that this one replaces */
  #ask(before) {
    const stars = [1, 2, 3, 4, 5].map((n) => {
      const ariaLabel = fill(texts.star, n);
      const checked = before?.rating === n;
      const star = { type: "radio", name: "rating", value: n, required: true, ariaLabel, checked };
      return make("label", { title: ariaLabel }, make("input", star), icon(STAR));
    });
    const count = make("small", { id: "count" });
    const comment = make("textarea", {
      name: "comment",
      rows: 2,
      maxLength: LONGEST_COMMENT,
      value: before?.comment ?? "",
      oninput: () => (count.textContent = fill(texts.count, comment.value.length)),
    });
    comment.setAttribute("aria-describedby", count.id);
    comment.dispatchEvent(new Event("input"));
    this.say("");
    this.root.replaceChildren(
      make(
        "form",
        { part: "form", onsubmit: (/** @type {SubmitEvent} */ event) => this.#rate(event) },
        make(
          "fieldset",
          {},
          make("legend", { part: "question" }, this.question ?? texts.question),
          make("div", { className: "stars", part: "stars" }, ...stars),
        ),
        make("label", { className: "comment", part: "comment" }, texts.comment, comment),
        count,
        make(
          "div",
          { className: "row" },
          make("button", { className: "send", part: "send" }, texts.send),
          make("button", { type: "button", part: "skip", onclick: () => this.#skip() }, texts.skip),
        ),
      ),
      this.status,
    );
  }

  /** @param {SubmitEvent} event */
  #rate(event) {
    event.preventDefault();
    if (!this.#answer() || !(event.target instanceof HTMLFormElement)) return;
    const rating = said(event.target);
    const session = this.#shown ?? "";
    event.target.remove();
    this.say(texts.thanks);
    this.status.focus();
    enqueue(`queue.rate.${session}`, { api: this.api, session, rating });
    tell(this, "rated", { sessionId: session, ...rating });
  }

  #skip() {
    if (!this.#answer()) return;
    this.hidden = true;
    tell(this, "skipped", { sessionId: this.#shown });
  }

  /** @returns {boolean} whether this is the session's first answer */
  #answer() {
    const name = `asked.${this.#shown}`;
    if (read(name)) {
      this.show();
      return false;
    }
    write(name, { at: Date.now() });
    prune("asked.", MOST_KEPT);
    return true;
  }
}

/** @implements {UpshotThumbsElement} */
class Thumbs extends Widget {
  #up = this.#thumb(true);
  #down = this.#thumb(false);
  #row = make("div", { className: "row", role: "group", part: "thumbs" }, this.#up, this.#down);

  /** @returns {string | null} */
  get #key() {
    return this.sessionId && this.stepId && `${this.sessionId}/${this.stepId}`;
  }

  show() {
    this.hidden = !this.#key;
    const standing = this.#standing();
    this.#row.ariaLabel = this.question ?? texts.helpful;
    for (const [button, helpful, text] of /** @type {const} */ ([
      [this.#up, true, texts.up],
      [this.#down, false, texts.down],
    ])) {
      button.ariaPressed = String(standing === helpful);
      button.title = button.ariaLabel = text;
    }
    if (!this.#row.isConnected) this.root.append(this.#row, this.status);
  }

  attributeChangedCallback(/** @type {[string, string | null, string | null]} */ ...change) {
    if (change[0].endsWith("-id") && change[1] !== change[2]) this.say("");
    super.attributeChangedCallback(...change);
  }

  /** @param {Entry} _entry */
  refuse(_entry) {
    this.show();
    this.say(texts.problem);
  }

  /** @param {Entry} entry */
  isAbout({ session, step }) {
    return step !== undefined && this.#key === `${session}/${step}`;
  }

  /** @param {boolean} helpful */
  #thumb(helpful) {
    return make(
      "button",
      {
        type: "button",
        className: helpful ? "thumb" : "thumb down",
        part: helpful ? "thumb up" : "thumb down",
        // The second click of a double click would take the first one back.
        onclick: (/** @type {MouseEvent} */ event) => event.detail < 2 && this.#vote(helpful),
      },
      icon(THUMB),
    );
  }

  /** @returns {boolean | null} */
  #standing() {
    return read(`vote.${this.#key}`)?.helpful ?? null;
  }

  /** @param {boolean} clicked */
  #vote(clicked) {
    const [key, session, step] = [this.#key, this.sessionId ?? "", this.stepId ?? ""];
    const standing = this.#standing();
    const helpful = standing === clicked ? null : clicked;
    const name = `queue.vote.${key}`;
    const waiting = /** @type {Entry | null} */ (read(name));
    keepVote(String(key), helpful);
    this.say(helpful === null ? texts.withdrawn : read("hinted") ? texts.voted : texts.hint);
    if (helpful !== null) write("hinted", { at: Date.now() });
    enqueue(name, { api: this.api, session, step, helpful, was: waiting ? waiting.was : standing });
    tell(this, "voted", { sessionId: session, stepId: step, helpful });
  }
}

for (const [name, element] of /** @type {const} */ ([
  ["upshot-rating", Rating],
  ["upshot-thumbs", Thumbs],
])) {
  // A page may come to load this twice, from two addresses.
  if (!customElements.get(name)) customElements.define(name, element);
}

addEventListener("online", deliver);
addEventListener("storage", ({ key }) => {
  if (key === null || key.startsWith(PREFIX)) for (const widget of widgets) widget.show();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  for (const widget of widgets) widget.show();
  deliver();
});
