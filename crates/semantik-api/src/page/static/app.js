// Which view is shown, and the keys that work everywhere.

import { byId } from "/static/dom.js";
import * as documentView from "/static/document.js";
import * as library from "/static/library.js";
import * as search from "/static/search.js";
import { onStatus, refresh } from "/static/status.js";

const VIEWS = ["search-view", "library-view", "document-view"];
let scroll = 0;

function show(id) {
  const before = VIEWS.find((view) => !byId(view).hidden);
  if (before === "search-view" && id !== before) scroll = window.scrollY;
  VIEWS.forEach((view) => { byId(view).hidden = view !== id; });
  byId("to-library").setAttribute("aria-current", id === "library-view" ? "page" : "false");
  if (id === "search-view" && before !== id) window.scrollTo(0, scroll);
}

function route() {
  const [path, parameters = ""] = location.hash.slice(1).split("?");
  const [, noun, id] = path.split("/");
  if (noun === "documents" && id) {
    const at = new URLSearchParams(parameters);
    show("document-view");
    const offset = (name) => (at.has(name) ? Number(at.get(name)) : NaN);
    documentView.open(decodeURIComponent(id), offset("start"), offset("end"));
    return;
  }
  document.title = "Semantik";
  show(noun === "library" ? "library-view" : "search-view");
  if (noun === "library") {
    window.scrollTo(0, 0);
    refresh();
  }
  search.follow();
}

/** Marks steps made inside the page, so that leaving a document can go back instead of forward. */
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#/']");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState({ inside: true }, "", link.getAttribute("href"));
  route();
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input:not([type='checkbox'], [type='radio']), select, textarea");
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "/" && !typing) {
    event.preventDefault();
    if (byId("search-view").hidden) {
      history.pushState(null, "", location.pathname + location.search);
      route();
    }
    search.focusSearch();
  } else if (event.key === "Escape" && !typing && !byId("document-view").hidden) {
    documentView.leave();
  }
});

window.addEventListener("popstate", route);

library.start();
onStatus(search.setCollections);
onStatus(library.update);
await search.start();
route();
refresh();
