// Elements from data. Text only ever becomes text nodes, so nothing in a document can become markup.

/** `el("p", {class: "x", onclick}, "text", child, null)` */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export const byId = (id) => document.getElementById(id);

export const number = (value) => value.toLocaleString("en");

export const plural = (count, one, many = one + "s") => `${number(count)} ${count === 1 ? one : many}`;

export function bytes(count) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  for (; count >= 1024 && unit < units.length - 1; unit += 1) count /= 1024;
  return `${count >= 10 || unit === 0 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

export const day = (ms) => new Date(ms).toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });

export const moment = (ms) => new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

/** What went wrong and what to do, with the id that finds it in the log. */
export function errorBox(error) {
  return el("div", { class: "error", role: "alert" },
    el("strong", {}, error.message),
    error.hint ? el("p", {}, error.hint) : null,
    error.requestId ? el("small", {}, `request ${error.requestId}`) : null);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const toBytes = (text) => encoder.encode(text);
export const toText = (part) => decoder.decode(part);

/** Text nodes and marks for byte spans of UTF-8 text; spans may overlap or come unsorted. */
export function marked(text, spans) {
  if (!spans.length) return [text];
  const data = toBytes(text);
  const parts = [];
  let at = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const start = Math.max(span.start, at);
    const end = Math.min(span.end, data.length);
    if (end <= start) continue;
    if (start > at) parts.push(toText(data.subarray(at, start)));
    parts.push(el("mark", {}, toText(data.subarray(start, end))));
    at = end;
  }
  if (at < data.length) parts.push(toText(data.subarray(at)));
  return parts;
}

const KINDS = {
  "application/pdf": "PDF", "text/markdown": "Markdown", "text/html": "HTML", "text/plain": "Plain text", "text/csv": "CSV",
  "application/json": "JSON", "application/xml": "XML", "text/xml": "XML", "application/rtf": "RTF", "text/rtf": "RTF",
  "application/epub+zip": "EPUB", "message/rfc822": "Mail", "application/vnd.ms-outlook": "Outlook mail",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
  "application/vnd.oasis.opendocument.text": "OpenDocument text",
  "application/vnd.oasis.opendocument.spreadsheet": "OpenDocument sheet",
  "application/vnd.oasis.opendocument.presentation": "OpenDocument slides",
};

/** A name for a MIME type that people know. */
export const kindName = (mime) => KINDS[mime] ?? mime.replace(/^(text|application)\/(x-)?/, "");
