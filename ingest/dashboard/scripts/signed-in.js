/** Who looks at the page; whoever is not signed in is sent to where that is done. */

import { Upshot, UpshotProblem } from "../public/client.js";
import { asked } from "./address.js";

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

/** A token in the fragment goes into the cookie and out of the address, where it would be seen. */
export async function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  await signIn(token);
}

/** All tabs read with one cookie: none goes on to show somebody's name above another's figures. */
function tellOtherTabs() {
  localStorage.setItem(CHANGED, String(Math.random()));
}

addEventListener("storage", ({ key }) => key === CHANGED && location.reload());
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
addEventListener("hashchange", () => location.hash.startsWith("#token=") && location.reload());
