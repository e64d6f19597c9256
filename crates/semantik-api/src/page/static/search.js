// The search view: form, URL state, results, paging, keys.

import { get, post } from "/static/api.js";
import { byId, el, errorBox, kindName, plural } from "/static/dom.js";
import { hitItem } from "/static/hit.js";

const PAGE = 10;
const FIELDS = ["q", "mode", "collection", "group", "explain", "path", "type", "after", "before"];

const form = byId("search");
const results = byId("results");
const more = byId("more");
const state = { collections: [], offset: 0, shown: 0, running: null, url: null };

/** The form as texts, without defaults. */
function read() {
  const data = new FormData(form);
  const values = {};
  for (const field of FIELDS) {
    const value = (data.get(field) ?? "").trim();
    if (value && !(field === "mode" && value === "hybrid")) values[field] = value;
  }
  return values;
}

function write(values) {
  for (const field of FIELDS) {
    const control = form.elements[field];
    const value = values.get(field) ?? "";
    if (field === "mode") control.value = ["dense", "lexical"].includes(value) ? value : "hybrid";
    else if (control.type === "checkbox") control.checked = value === "1";
    else {
      if (control.tagName === "SELECT" && value && ![...control.options].some((one) => one.value === value)) {
        control.append(el("option", { value }, field === "type" ? kindName(value) : value));
      }
      control.value = value;
    }
  }
  paintFilters();
}

function paintFilters() {
  const count = ["path", "type", "after", "before"].filter((field) => form.elements[field].value).length;
  const filters = byId("filters");
  filters.classList.toggle("active", count > 0);
  filters.querySelector("summary").textContent = count ? `Filters (${count})` : "Filters";
}

function request(values, offset) {
  const dayStart = (text, plus) => {
    const [year, month, date] = text.split("-").map(Number);
    return new Date(year, month - 1, date + plus).getTime();
  };
  const filter = {};
  if (values.path) filter.path_prefix = values.path;
  if (values.type) filter.mime = [values.type];
  if (values.after) filter.modified_after = dayStart(values.after, 0);
  if (values.before) filter.modified_before = dayStart(values.before, 1);
  return {
    query: values.q, mode: values.mode ?? "hybrid", limit: PAGE, offset, filter,
    collections: values.collection ? [values.collection] : [],
    group_by_document: values.group === "1", explain: values.explain === "1",
  };
}

async function run(append = false) {
  const values = read();
  state.running?.abort();
  if (!values.q) return clear();
  if (!append) state.offset = state.shown = 0;
  const running = new AbortController();
  state.running = running;
  results.classList.add("busy");
  results.setAttribute("aria-busy", "true");
  more.disabled = true;
  try {
    const answer = await post("/search", request(values, state.offset), { signal: running.signal });
    show(answer, append);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!append) results.replaceChildren();
    byId("summary").textContent = "";
    byId("notices").replaceChildren(errorBox(error));
    more.hidden = true;
  } finally {
    if (state.running === running) {
      results.classList.remove("busy");
      results.removeAttribute("aria-busy");
      more.disabled = false;
    }
  }
}

function clear() {
  results.replaceChildren();
  results.classList.remove("busy");
  byId("notices").replaceChildren();
  byId("summary").textContent = "";
  more.hidden = true;
  welcome();
}

function show(answer, append) {
  byId("welcome").hidden = true;
  byId("notices").replaceChildren(...answer.notices.map((text) => el("p", { class: "notice" }, text)));
  const items = answer.hits.map((hit) => hitItem(hit, state.collections));
  if (append) results.append(...items);
  else results.replaceChildren(...items);
  state.shown += answer.hits.length;
  state.offset += answer.hits.length;
  more.hidden = answer.hits.length < PAGE || state.offset > 1000;
  const what = read().group ? "document" : "passage";
  byId("summary").textContent = state.shown
    ? `${more.hidden ? "" : "First "}${plural(state.shown, what)} · ${Math.max(1, Math.round(answer.timing.total_ms))} ms`
    : "";
  if (!state.shown) nothing(answer.mode);
  if (append) items[0]?.querySelector("a")?.focus();
}

function nothing(mode) {
  const filtered = ["path", "type", "after", "before", "collection"].some((field) => form.elements[field].value);
  const advice = filtered ? "Remove a filter, or search everywhere."
    : mode === "lexical" ? "These words appear in no document. Search by meaning finds other words for the same thing."
      : "Try other words, or see in Collections whether your documents are indexed yet.";
  results.replaceChildren(el("li", { class: "welcome" }, el("h2", {}, "Nothing found"), el("p", {}, advice)));
}

function welcome() {
  const box = byId("welcome");
  const empty = state.collections.every((one) => one.counts.documents === 0);
  box.hidden = false;
  box.replaceChildren(...(empty
    ? [el("h2", {}, "Nothing to search yet"), el("p", {}, "Add a folder or upload files; searching works while they are being indexed."),
      el("p", {}, el("a", { class: "button", href: "#/library" }, "Add documents"))]
    : [el("h2", {}, "Find things by meaning"), el("p", {}, "Ask in your own words; the words of the document need not be the same."),
      el("p", {}, "Press ", el("kbd", {}, "/"), " to type, ", el("kbd", {}, "↓"), " ", el("kbd", {}, "↑"), " to move, ",
        el("kbd", {}, "Enter"), " to open.")]));
}

function remember() {
  const query = new URLSearchParams(read()).toString();
  const url = query ? `/?${query}` : "/";
  if (url !== location.pathname + location.search) history.pushState(null, "", url);
  state.url = location.search;
}

function submit() {
  paintFilters();
  remember();
  run();
}

/** Moves through results with the arrow keys. */
function move(event) {
  const inForm = event.target.closest?.("#search");
  const first = event.target === form.elements.q;
  if (event.altKey || event.ctrlKey || event.metaKey || (inForm && !first)) return;
  const links = [...results.querySelectorAll("[data-hit]")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !links.length || byId("search-view").hidden) return;
  const at = links.indexOf(document.activeElement);
  if (at < 0 && step < 0) return;
  event.preventDefault();
  if (at === 0 && step < 0) form.elements.q.focus();
  else links[Math.min(at + step, links.length - 1)].focus();
}

/** New collections for the picker and types for the filter. */
export function setCollections(collections) {
  const before = state.collections.length;
  state.collections = collections;
  byId("collection-picker").hidden = collections.length < 2;
  refill(form.elements.collection, "All collections", collections.map((one) => [one.name, one.name]));
  const mimes = [...new Set(collections.flatMap((one) => one.formats).filter((one) => one.status === "completed" && one.mime).map((one) => one.mime))];
  refill(form.elements.type, "Any type", mimes.map((mime) => [mime, kindName(mime)]).sort((a, b) => a[1].localeCompare(b[1])));
  if (!read().q || before !== collections.length && !state.shown && !read().q) welcome();
}

function refill(select, all, pairs) {
  const chosen = select.value;
  const same = select.options.length === pairs.length + 1 && pairs.every(([value], n) => select.options[n + 1].value === value);
  if (same) return;
  if (chosen && !pairs.some(([value]) => value === chosen)) pairs.push([chosen, chosen]);
  select.replaceChildren(el("option", { value: "" }, all), ...pairs.map(([value, name]) => el("option", { value }, name)));
  select.value = chosen;
}

export function focusSearch() {
  form.elements.q.focus();
  form.elements.q.select();
}

/** Takes over the URL's state when it is not the one shown. */
export function follow() {
  if (state.url !== location.search) restore();
}

function restore() {
  state.url = location.search;
  write(new URLSearchParams(location.search));
  if (form.elements.path.value || form.elements.type.value || form.elements.after.value || form.elements.before.value) byId("filters").open = true;
  run();
}

export async function start() {
  form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  form.addEventListener("change", (event) => { if (event.target !== form.elements.q) submit(); });
  more.addEventListener("click", () => run(true));
  document.addEventListener("keydown", move);
  restore();
  setCollections(await get("/collections").catch(() => []));
}
