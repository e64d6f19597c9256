// Documents that failed or were left out, with reasons and another try.

import { key, pages, post } from "/static/api.js";
import { el, errorBox, number, plural } from "/static/dom.js";

/** A disclosure that loads its list when it is opened, and again when counts change. */
export function problemList(collection, act) {
  const summary = el("summary", {});
  const body = el("div");
  const node = el("details", { class: "problems", hidden: true }, summary, body);
  let seen = "";
  let loaded = "";
  const load = async () => {
    if (!node.open || loaded === seen) return;
    loaded = seen;
    try {
      const path = (status) => `/collections/${key(collection)}/documents?status=${status}`;
      const [failed, skipped] = await Promise.all([pages(path("failed")), pages(path("skipped"))]);
      body.replaceChildren(...section("Failed", failed, collection, act), ...section("Skipped", skipped, collection, act));
    } catch (error) {
      loaded = "";
      body.replaceChildren(errorBox(error));
    }
  };
  node.addEventListener("toggle", load);
  const update = ({ failed, skipped }) => {
    node.hidden = failed + skipped === 0;
    seen = `${failed}/${skipped}`;
    const parts = [failed ? `${number(failed)} failed` : null, skipped ? `${number(skipped)} skipped` : null];
    summary.textContent = `Why ${parts.filter(Boolean).join(" and ")}`;
    load();
  };
  return { node, update };
}

function section(title, { items, complete }, collection, act) {
  if (!items.length) return [];
  const all = title === "Failed"
    ? el("button", {
      class: "quiet small", type: "button",
      onclick: (event) => act(() => post(`/collections/${key(collection)}/documents/retry-failed`), event.currentTarget),
    }, "Try all failed again") : null;
  return [
    el("div", { class: "head" }, el("h3", {}, title), all),
    el("ul", {}, items.map((document) => row(document, act))),
    complete ? null : el("p", { class: "soft" }, `The first ${plural(items.length, "document")}.`),
  ].filter(Boolean);
}

function row(document, act) {
  const again = (event) => act(() => post(`/documents/${document.id}/retry`), event.currentTarget);
  const reason = document.reason;
  const code = reason?.code ?? reason?.policy;
  return el("li", {},
    el("span", { class: "path" }, document.uri),
    el("button", { class: "quiet small", type: "button", onclick: again, "aria-label": `Try ${document.name} again` }, "Try again"),
    el("p", {}, [code ? code.replaceAll("_", " ") : null, reason?.message].filter(Boolean).join(": ") || "no reason was given"));
}
