/** The example: an engineer of the demo walks through a session, and says what it was like. */

import { Upshot } from "/client.js";
import { configure } from "/widgets.js";

const MOST_STEPS = 4;
/** The session of this tab, so that a reload shows the same one. */
const KEPT = "upshot-example";

/**
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 */
function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`There is no ${id}.`);
  return found;
}

const start = element("start", HTMLButtonElement);
const complete = element("complete", HTMLButtonElement);

const signedIn = await fetch("/sign-in/demo", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ role: "engineer" }),
});
if (signedIn.ok) {
  const { token } = await signedIn.json();
  configure({ token });
  await show(new Upshot({ token }));
} else {
  element("elsewhere", HTMLElement).hidden = false;
}

/** @param {Upshot} upshot */
async function show(upshot) {
  listen();
  start.addEventListener("click", () => attempt(() => begin(upshot)));
  complete.addEventListener("click", () => attempt(() => end(upshot)));
  element("demo", HTMLElement).hidden = false;
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (kept) await attempt(() => showSession(upshot, kept));
}

/** @param {() => Promise<void>} action */
async function attempt(action) {
  const problem = element("problem", HTMLElement);
  problem.textContent = "";
  try {
    await action();
  } catch (error) {
    problem.textContent = error instanceof Error ? error.message : String(error);
  }
}

/** @param {Upshot} upshot */
async function begin(upshot) {
  const { top_flows } = await upshot.me({ period: "90d" });
  const [flow] = top_flows;
  if (!flow) throw new Error("The demo's engineer has no sessions yet: run `make up` once more.");
  const { session_id } = await upshot.start({ flow_id: flow.tree_id });
  await showSession(upshot, { session_id, flow_id: flow.tree_id, is_completed: false });
}

/**
 * @param {Upshot} upshot
 * @param {{ session_id: string, flow_id: string, is_completed: boolean }} session
 */
async function showSession(upshot, session) {
  const { session_id, flow_id, is_completed } = session;
  const { name, steps } = await upshot.flow(flow_id, { period: "7d" });
  const current = steps.filter((step) => step.is_current).slice(0, MOST_STEPS);
  element("flow", HTMLElement).textContent = name;
  element("steps", HTMLElement).replaceChildren(
    ...current.map(({ step_id, title }) => {
      const thumbs = document.createElement("upshot-thumbs");
      thumbs.sessionId = session_id;
      thumbs.stepId = step_id;
      thumbs.question = `Did "${title}" help?`;
      const item = document.createElement("li");
      item.append(title, " ", thumbs);
      return item;
    }),
  );
  element("session", HTMLElement).hidden = false;
  keep(session);
  if (is_completed) return;
  // An engineer takes minutes for each; here they are all looked at now.
  for (const { step_id } of current) await upshot.visit(session_id, { step_id });
}

/** @param {Upshot} upshot */
async function end(upshot) {
  const session = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  await upshot.complete(session.session_id, { outcome: "resolved" });
  keep({ ...session, is_completed: true });
}

/** @param {{ session_id: string, flow_id: string, is_completed: boolean }} session */
function keep(session) {
  sessionStorage.setItem(KEPT, JSON.stringify(session));
  complete.disabled = session.is_completed;
  const rating = document.querySelector("upshot-rating");
  // Only a completed session can be rated: before, the element has none, and is not seen.
  if (rating) rating.sessionId = session.is_completed ? session.session_id : null;
}

function listen() {
  const heard = element("heard", HTMLElement);
  for (const name of /** @type {const} */ ([
    "upshot-rated",
    "upshot-skipped",
    "upshot-voted",
    "upshot-delivered",
    "upshot-problem",
  ])) {
    document.addEventListener(name, ({ detail }) => {
      const item = document.createElement("li");
      item.textContent = `${name} ${JSON.stringify(detail)}`;
      heard.append(item);
    });
  }
  const demo = element("demo", HTMLElement);
  demo.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement && target.name === "theme") {
      demo.classList.toggle("themed", target.value === "themed");
    }
  });
}
