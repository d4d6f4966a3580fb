/** Who looks at the page; whoever is not signed in is sent to where that is done. */

import { Upshot, UpshotProblem } from "../public/client.js";
import { asked } from "./address.js";
import { h } from "./elements.js";

/** @typedef {import("../public/client.d.ts").Caller} Caller */

const CHANGED = "upshot.signed-in";

export const upshot = new Upshot({ accountId: asked().account_id });

/** Return the caller, with a token in the fragment that token's, and what the figures mean. */
export async function signedIn() {
  try {
    await takeToken();
    return await Promise.all([upshot.caller(), upshot.figures()]);
  } catch (problem) {
    if (problem instanceof UpshotProblem && problem.status === 401) toSignIn();
    throw problem;
  }
}

/** Leave for the page that signs in, which leads back here. */
export function toSignIn() {
  const here = location.pathname + location.search;
  location.replace(`/sign-in?then=${encodeURIComponent(here)}`);
}

/** @param {string} token */
export async function signIn(token) {
  const answer = await fetch("/sign-in/token", {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
  });
  if (!answer.ok) {
    const details = await answer.json();
    throw new UpshotProblem(answer.status, details, null);
  }
  tellOtherTabs();
}

export async function signOut() {
  await fetch("/sign-in/token", { method: "DELETE" });
  tellOtherTabs();
  location.assign("/sign-in");
}

/**
 * A token in the fragment goes into the cookie and out of the address, where it would be seen. That of
 * somebody else asks first: a link is quickly opened, and what one did next would be theirs.
 */
export async function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  const before = await new Upshot().caller().catch(whenSignedOut);
  if (!before) return signIn(token);
  const next = await new Upshot({ token }).caller().catch(whenSignedOut);
  // An old link signs nobody out.
  if (!next) return;
  if (isSame(before, next) || (await isWanted(before, next))) await signIn(token);
}

/** @param {unknown} problem */
function whenSignedOut(problem) {
  if (problem instanceof UpshotProblem && problem.status === 401) return null;
  throw problem;
}

/**
 * @param {Caller} one
 * @param {Caller} other
 */
function isSame(one, other) {
  return one.user_id === other.user_id && one.account_id === other.account_id;
}

/**
 * @param {Caller} before
 * @param {Caller} next
 * @returns {Promise<boolean>}
 */
function isWanted(before, next) {
  const { promise, resolve } = /** @type {PromiseWithResolvers<boolean>} */ (Promise.withResolvers());
  const close = (/** @type {boolean} */ answer) => {
    dialog.remove();
    resolve(answer);
  };
  const isElsewhere = before.account_id !== next.account_id;
  const [now, then] = [before, next].map((each) => nameOf(each, isElsewhere));
  const dialog = h(
    "dialog",
    { class: "question", "aria-labelledby": "whose", oncancel: () => close(false) },
    h("h2", { id: "whose" }, `You are signed in as ${now}. Continue as ${then}?`),
    h("p", { class: "muted" }, "This link signs in somebody else, in all tabs of this browser."),
    h(
      "div",
      { class: "buttons" },
      h("button", { onclick: () => close(false), autofocus: true }, `Stay ${now}`),
      h("button", { onclick: () => close(true) }, `Continue as ${then}`),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}

/**
 * @param {Caller} caller
 * @param {boolean} isElsewhere whether it takes the account to tell who it is
 */
function nameOf({ user_name: name, account_name: account }, isElsewhere) {
  const of = isElsewhere ? ` of ${account ?? "an account without a name"}` : "";
  return (name ?? "somebody without a name") + of;
}

/** All tabs read with one cookie: none goes on to show somebody's name above another's figures. */
function tellOtherTabs() {
  localStorage.setItem(CHANGED, String(Math.random()));
}

addEventListener("storage", ({ key }) => key === CHANGED && location.reload());
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
addEventListener("hashchange", () => location.hash.startsWith("#token=") && location.reload());
