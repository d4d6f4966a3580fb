/** Who looks at the page; whoever is not signed in is sent to where that is done. */

import { Upshot, UpshotProblem } from "../public/client.js";
import { asked } from "./address.js";

export const upshot = new Upshot({ accountId: asked().account_id });

/** Return the caller, with a token in the fragment that token's, and what the figures mean. */
export async function signedIn() {
  await takeToken();
  try {
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
}

export async function signOut() {
  await fetch("/sign-in/token", { method: "DELETE" });
  location.assign("/sign-in");
}

/** A token in the fragment goes into the cookie and out of the address, where it would be seen. */
async function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  await signIn(token);
}
