// What is indexed, what is on its way, what failed: one line, asked for again and again.

import { get } from "/static/api.js";
import { byId, el, number, plural } from "/static/dom.js";

const BUSY_MS = 1500;
const IDLE_MS = 10_000;

const listeners = [];
let timer = null;
let asked = 0;

/** Calls `listener(collections, operations)` after each look. */
export const onStatus = (listener) => listeners.push(listener);

/** Looks now. */
export async function refresh() {
  clearTimeout(timer);
  const turn = ++asked;
  let busy = false;
  try {
    const [collections, operations] = await Promise.all([get("/collections"), get("/operations?open=true&limit=100")]);
    if (turn !== asked) return;
    busy = operations.items.length > 0;
    paint(collections, operations.items);
    listeners.forEach((listener) => listener(collections, operations.items));
  } catch (error) {
    if (turn === asked) byId("status").replaceChildren(el("span", { class: "bad" }, error.message));
  }
  if (turn === asked) timer = setTimeout(tick, busy ? BUSY_MS : IDLE_MS);
}

/** A page nobody sees asks nothing. */
function tick() {
  if (!document.hidden) refresh();
}
document.addEventListener("visibilitychange", tick);

function paint(collections, operations) {
  const sum = (name) => collections.reduce((total, one) => total + one.counts[name], 0);
  const [waiting, failed] = [sum("pending") + sum("processing"), sum("failed")];
  const parts = [plural(sum("completed"), "document") + " searchable"];
  if (waiting) parts.push(`${number(waiting)} being indexed`);
  else if (operations.length) parts.push("working…");
  const line = [el("span", {}, parts.join(" · "))];
  if (failed) line.push(" · ", el("a", { href: "#/library", class: "bad" }, `${number(failed)} failed`));
  const status = byId("status");
  if (status.textContent !== line.map((part) => part.textContent ?? part).join("")) status.replaceChildren(...line);
}
