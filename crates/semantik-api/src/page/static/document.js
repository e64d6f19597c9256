// The document view: the text around a passage, with page marks. Offsets are UTF-8 bytes.

import { get } from "/static/api.js";
import { byId, bytes, day, el, errorBox, kindName, toBytes, toText } from "/static/dom.js";

const WINDOW = 200 * 1024;
const view = byId("document-view");
let current = null;

/** Opens `#/documents/<id>?start=..&end=..`. */
export async function open(id, start, end) {
  if (current?.id !== id) {
    current = { id };
    view.replaceChildren(el("p", { class: "summary", role: "status" }, "Opening…"));
    try {
      const [row, content] = await Promise.all([get(`/documents/${encodeURIComponent(id)}`), text(id)]);
      if (current.id !== id) return;
      current = { id, row, content, data: content ? toBytes(content.text) : null };
    } catch (error) {
      current = null;
      view.replaceChildren(el("p", {}, back()), errorBox(error));
      return;
    }
  }
  if (!current.row) return;
  const length = current.data?.length ?? 0;
  const passage = Number.isFinite(start) && Number.isFinite(end) && end > start
    ? { start: Math.min(start, length), end: Math.min(end, length) } : { start: 0, end: 0 };
  current.passage = passage;
  current.from = boundary(passage.start - WINDOW);
  current.to = boundary(passage.end + WINDOW);
  paint();
  const mark = view.querySelector("mark");
  if (mark) {
    mark.tabIndex = -1;
    mark.scrollIntoView({ block: "center" });
    mark.focus({ preventScroll: true });
  } else window.scrollTo(0, 0);
}

/** The text; none for a document that has none (yet). */
async function text(id) {
  try {
    return await get(`/documents/${encodeURIComponent(id)}/content`);
  } catch (error) {
    if (error.status === 409) return null;
    throw error;
  }
}

/** The nearest start of a character at or after a byte offset. */
function boundary(at) {
  const { data } = current;
  if (!data) return 0;
  at = Math.max(0, Math.min(at, data.length));
  while (at < data.length && (data[at] & 0xc0) === 0x80) at += 1;
  return at;
}

function back() {
  return el("button", { class: "quiet small", type: "button", onclick: leave }, "← Back to results");
}

export function leave() {
  if (history.state?.inside) history.back();
  else location.hash = "";
}

function paint() {
  const { row, content, data } = current;
  document.title = `${row.title || row.name} · Semantik`;
  const head = el("div", { class: "doc-head" }, back(),
    el("h1", {}, row.title || row.name),
    el("p", { class: "where" }, el("span", {}, row.uri), row.mime ? el("span", {}, kindName(row.mime)) : null,
      el("span", {}, bytes(row.size)), row.modified_at ? el("span", {}, day(row.modified_at)) : null,
      row.pages.length ? el("span", {}, `${row.pages.length} pages`) : null));
  if (!data) {
    const why = row.reason?.message ?? `The document is ${row.status}; its text is not ready.`;
    view.replaceChildren(head, el("p", { class: "notice" }, why));
    return;
  }
  const body = el("div", { class: content.kind === "code" || content.kind === "table" ? "text code" : "text" }, segments());
  view.replaceChildren(...[head, grow("Show what comes before", current.from > 0, -1), body,
    grow("Show what follows", current.to < data.length, 1)].filter(Boolean));
}

function grow(label, needed, direction) {
  if (!needed) return null;
  const click = () => {
    const height = document.documentElement.scrollHeight;
    if (direction < 0) current.from = boundary(current.from - WINDOW);
    else current.to = boundary(current.to + WINDOW);
    paint();
    if (direction < 0) window.scrollBy(0, document.documentElement.scrollHeight - height);
  };
  return el("p", { class: "center" }, el("button", { class: "quiet", type: "button", onclick: click }, label));
}

/** The window's text, cut at pages and at the passage. */
function segments() {
  const { content, data, from, to, passage } = current;
  const pages = content.pages.filter((page) => page.start >= from && page.start <= to);
  const cuts = [from, to, passage.start, passage.end, ...pages.map((page) => page.start)];
  const edges = [...new Set(cuts.map(boundary))].filter((at) => at >= from && at <= to).sort((a, b) => a - b);
  const parts = [];
  edges.forEach((start, n) => {
    parts.push(...pages.filter((page) => boundary(page.start) === start).map(pageBreak));
    const end = edges[n + 1];
    if (end === undefined) return;
    const piece = toText(data.subarray(start, end));
    const inside = start >= passage.start && end <= passage.end && passage.end > passage.start;
    parts.push(inside ? el("mark", {}, piece) : piece);
  });
  return parts;
}

function pageBreak(page) {
  const note = { failed: " — could not be read", skipped: " — no text", ocr: " — read by OCR" }[page.state] ?? "";
  const why = page.reason ? ` (${page.reason})` : "";
  return el("div", { class: "page-break", role: "separator", "aria-label": `Page ${page.number}` }, `Page ${page.number}${note}${why}`);
}
