// One result: where it is, what it says, why it stands there.

import { el, kindName, marked } from "/static/dom.js";

export const address = (hit) => `#/documents/${hit.document}?start=${hit.start}&end=${hit.end}`;

export function hitItem(hit, collections) {
  const collection = collections.length > 1 ? collections.find((one) => one.id === hit.collection) : null;
  return el("li", { class: "hit" },
    el("h3", {},
      el("a", { href: address(hit), "data-hit": true }, hit.title || hit.name),
      el("span", { class: "score", title: "Score, comparable inside one answer" }, hit.score.toFixed(4))),
    el("p", { class: "where" },
      collection ? el("span", {}, collection.name) : null,
      el("span", {}, hit.uri),
      hit.page ? el("span", {}, `page ${hit.page}`) : null,
      hit.mime ? el("span", {}, kindName(hit.mime)) : null,
      hit.context ? el("span", {}, hit.context.replaceAll(" > ", " › ")) : null),
    passage(hit),
    (hit.more ?? []).map(again),
    hit.explain ? explain(hit.explain) : null);
}

const LEAD = 160;

/** The passage, folded around its first mark; a click shows all of it. */
function passage(hit) {
  // Blank lines would push the words that matter out of sight.
  const parts = marked(hit.text, hit.highlights).map((part) => (typeof part === "string" ? part.replace(/\n\s*\n/g, "\n") : part));
  const [first, ...rest] = parts;
  const far = rest.length && typeof first === "string" && first.length > 2 * LEAD;
  const lead = document.createTextNode(typeof first === "string" ? first : "");
  const text = el("p", { class: "passage" }, lead, typeof first === "string" ? rest : parts);
  const fold = (folded) => {
    text.classList.toggle("folded", folded);
    if (far) lead.data = folded ? "…" + first.slice(-LEAD).replace(/^\S*\s/, "") : first;
  };
  fold(true);
  text.addEventListener("click", () => {
    if (!String(window.getSelection())) fold(!text.classList.contains("folded"));
  });
  return text;
}

function again(hit) {
  const place = [hit.page ? `page ${hit.page}` : null, hit.context?.replaceAll(" > ", " › ")].filter(Boolean).join(" · ");
  return el("div", { class: "again" },
    el("a", { href: address(hit), "data-hit": true }, place || "another passage"),
    passage(hit));
}

function explain({ dense, lexical, fusion, rerank }) {
  const leg = (name, unit, value) => el("tr", {},
    el("th", { scope: "row" }, name),
    el("td", {}, value ? `rank ${value.rank}` : "not found"),
    el("td", {}, value ? `${unit} ${value.score.toFixed(3)}` : ""));
  return el("details", { class: "explain" },
    el("summary", {}, "Why this result"),
    el("table", {}, leg("Meaning", "cosine", dense), leg("Words", "BM25", lexical)),
    el("p", {}, `Joined by ${fusion}${rerank == null ? "" : `, then read again: ${rerank.toFixed(3)}`}`));
}

