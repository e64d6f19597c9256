// The collections view: what is in, where it comes from, what is running, what went wrong.

import { call, get, key, post, remove } from "/static/api.js";
import { byId, bytes, el, errorBox, kindName, moment, number, plural } from "/static/dom.js";
import { problemList } from "/static/problems.js";
import { refresh } from "/static/status.js";
import { uploadArea } from "/static/upload.js";

const view = byId("library-view");
const cards = new Map();
const message = el("div", { "aria-live": "assertive" });
const list = el("div");

/** Runs something a button asked for and says what went wrong. */
async function act(work, button) {
  message.replaceChildren();
  if (button) button.disabled = true;
  try {
    const result = await work();
    await refresh();
    return result;
  } catch (error) {
    message.replaceChildren(errorBox(error));
    message.scrollIntoView({ block: "nearest" });
    return undefined;
  } finally {
    if (button) button.disabled = false;
  }
}

export function start() {
  const create = el("form", { class: "card" },
    el("h2", {}, "New collection"),
    el("div", { class: "inline" },
      el("input", { name: "name", required: true, maxlength: 255, placeholder: "Name", "aria-label": "Name" }),
      el("input", { name: "path", placeholder: "Folder on this machine, such as /path/to/documents (optional)", "aria-label": "Folder", spellcheck: "false" }),
      el("button", { type: "submit" }, "Create")));
  create.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { name, path } = Object.fromEntries(new FormData(create));
    const source = path.trim() ? { type: "directory", path: path.trim() } : undefined;
    const made = await act(() => post("/collections", { name, source }), event.submitter);
    if (made) create.reset();
  });
  view.replaceChildren(
    el("div", { class: "head" }, el("h1", {}, "Collections"), el("a", { class: "button quiet small", href: "#" }, "← Back to search")),
    message, list, create);
}

/** New counts and operations; cards stay, so that what is typed or open in them stays. */
export function update(collections, operations) {
  for (const [id, card] of cards) {
    if (!collections.some((one) => one.id === id)) {
      card.node.remove();
      cards.delete(id);
    }
  }
  for (const collection of collections) {
    let card = cards.get(collection.id);
    if (!card) {
      card = makeCard(collection);
      cards.set(collection.id, card);
      list.append(card.node);
    }
    card.paint(collection, operations.filter((one) => one.collection === collection.id));
  }
}

function makeCard(collection) {
  const parts = { numbers: el("p", { class: "numbers" }), formats: el("p", { class: "soft" }), sources: el("ul", { class: "sources" }), operations: el("div") };
  const title = el("h2", {});
  const badge = el("span", { class: "soft" });
  const problems = problemList(collection, act);
  const node = el("section", { class: "card" },
    el("div", { class: "head" }, el("div", {}, title, badge), actions(collection)),
    parts.numbers, parts.formats, parts.operations, parts.sources,
    folderForm(collection), uploadArea(collection, act), problems.node);
  let looked = null;
  const paint = (now, operations) => {
    title.textContent = now.name;
    badge.textContent = now.status === "ready" ? now.description : now.status;
    paintCounts(parts, now);
    parts.operations.replaceChildren(...operations.map(operationRow));
    problems.update(now.counts);
    // Sources change only with operations.
    const mark = operations.map((one) => one.id).join();
    if (looked !== mark && !view.hidden) {
      looked = mark;
      paintSources(parts.sources, collection);
    }
  };
  return { node, paint };
}

function actions(collection) {
  const sync = (event) => act(() => post(`/collections/${key(collection)}/sync/run`), event.currentTarget);
  const drop = (event) => {
    const sure = confirm(`Delete the collection “${collection.name}” from Semantik? Files on disk are not touched.`);
    if (sure) act(() => remove(`/collections/${key(collection)}`), event.currentTarget);
  };
  return el("div", { class: "actions" },
    el("button", { class: "quiet small", type: "button", onclick: sync, title: "Read the folders again" }, "Sync now"),
    el("button", { class: "danger small", type: "button", onclick: drop }, "Delete"));
}

function paintCounts(parts, { counts, formats, model }) {
  const one = (value, label, bad) => (value ? el("span", { class: bad ? "bad" : "" }, el("b", {}, number(value)), ` ${label}`) : null);
  parts.numbers.replaceChildren(...[
    el("span", {}, el("b", {}, number(counts.completed)), " searchable"),
    one(counts.pending + counts.processing, "being indexed"), one(counts.failed, "failed", true), one(counts.skipped, "skipped"),
    one(counts.chunks, "passages"), el("span", {}, bytes(counts.bytes)), el("span", {}, model.split("/").pop()),
  ].filter(Boolean));
  const done = formats.filter((format) => format.status === "completed" && format.mime).sort((a, b) => b.count - a.count);
  const names = done.slice(0, 8).map((format) => `${kindName(format.mime)} ${number(format.count)}`);
  if (done.length > 8) names.push(`and ${plural(done.length - 8, "more type")}`);
  parts.formats.textContent = names.join(" · ");
}

async function paintSources(node, collection) {
  const sources = await get(`/collections/${key(collection)}/sources`).catch(() => null);
  if (!sources) return;
  node.replaceChildren(...sources.map((source) => {
    const folder = source.config.type === "directory";
    const drop = (event) => {
      const sure = confirm("Remove this source and its documents from Semantik? Files on disk are not touched.");
      if (sure) act(() => remove(`/collections/${key(collection)}/sources/${source.id}`), event.currentTarget);
    };
    const when = source.last_scan_at ? `read ${moment(source.last_scan_at)}` : folder ? "not read yet" : "";
    return el("li", {},
      el("span", {}, el("span", { class: "path" }, folder ? source.config.path : "Uploaded files"),
        el("span", { class: "soft" }, when ? `  ${when}` : ""),
        source.last_error ? el("span", { class: "error" }, source.last_error) : null),
      el("button", { class: "quiet small", type: "button", onclick: drop }, "Remove"));
  }));
}

const KINDS = { index: "Indexing", append: "Adding", sync: "Syncing", remove_source: "Removing a source", delete: "Deleting", retry_documents: "Trying again", reconcile: "Repairing" };

function operationRow(operation) {
  const { progress } = operation;
  const cancel = (event) => act(() => call("DELETE", `/operations/${operation.id}`), event.currentTarget);
  const [done, total] = progress.documents_total ? [progress.documents_done, progress.documents_total] : [progress.jobs_done, progress.jobs_total];
  const words = [`${KINDS[operation.kind] ?? operation.kind}: ${number(done)} of ${progress.listed ? "" : "at least "}${plural(total, "document")}`];
  if (progress.jobs_failed) words.push(`${number(progress.jobs_failed)} failed`);
  if (operation.message) words.push(operation.message);
  return el("div", { class: "operation" },
    el("span", {}, words.join(" · ")),
    operation.cancel_requested ? el("span", { class: "soft" }, "cancelling…")
      : el("button", { class: "quiet small", type: "button", onclick: cancel }, "Cancel"),
    el("progress", { max: Math.max(total, 1), value: progress.listed || done ? done : undefined, "aria-label": words[0] }));
}

function folderForm(collection) {
  const form = el("form", { class: "inline" },
    el("input", { name: "path", required: true, placeholder: "Add a folder on this machine: /path/to/documents", "aria-label": "Folder", spellcheck: "false" }),
    el("button", { class: "quiet", type: "submit" }, "Add folder"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const path = new FormData(form).get("path").trim();
    const added = await act(() => post(`/collections/${key(collection)}/sources`, { type: "directory", path }), event.submitter);
    if (added) form.reset();
  });
  return form;
}
