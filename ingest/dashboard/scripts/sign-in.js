import { h } from "./elements.js";
import { signIn, takeToken } from "./signed-in.js";

const main = /** @type {HTMLElement} */ (document.querySelector("main"));
const ROLES = [
  { role: "team_admin", name: "A team lead", sees: "The whole team, every flow, all comments." },
  { role: "engineer", name: "An engineer", sees: "Their own work, and every flow." },
];
const status = h("p", { role: "status", class: "muted" });

if (location.hash.startsWith("#token=")) {
  takeToken().then(goOn, tell);
}
if (document.documentElement.dataset.demo === "true") {
  main.append(
    h("h1", {}, "Look at the demo as"),
    h(
      "div",
      { class: "roles" },
      ROLES.map(({ role, name, sees }) =>
        h(
          "button",
          { class: "card role", onclick: () => enter(role) },
          h("strong", {}, name),
          h("span", { class: "muted" }, sees),
        ),
      ),
    ),
    status,
  );
} else {
  main.append(
    h("h1", {}, "You are not signed in"),
    h("p", {}, "Your application signs you in: open Upshot from there."),
    h(
      "p",
      { class: "muted" },
      "For who runs it: set the cookie upshot_token, or link to this address with #token=… ;" +
        " docs/dashboard.md has both.",
    ),
    status,
  );
}

/** @param {string} role */
async function enter(role) {
  status.textContent = "Signing in …";
  try {
    const answer = await fetch("/sign-in/demo", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ role }),
    });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.detail);
    await signIn(body.token);
    goOn(role === "engineer" ? "/me" : "/");
  } catch (problem) {
    tell(problem);
  }
}

/** @param {string | void} otherwise */
function goOn(otherwise) {
  location.assign(destination() ?? otherwise ?? "/");
}

/** @param {unknown} problem */
function tell(problem) {
  status.textContent = `${problem instanceof Error ? problem.message : problem} Try again.`;
}

/** Where the visitor came from; a page of ours and none of somebody else's. */
function destination() {
  const then = new URLSearchParams(location.search).get("then");
  if (!then) return null;
  const address = new URL(then, location.origin);
  return address.origin === location.origin && then !== "/" ? address.href : null;
}
