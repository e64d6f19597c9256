// Uploading files, in requests of a moderate size, with progress and cancel.

import { get, problemOf, uploadUrl } from "/static/api.js";
import { bytes, el, plural } from "/static/dom.js";

const BATCH_BYTES = 32 * 1024 * 1024;
const BATCH_FILES = 200;

const nameOf = (file) => file.webkitRelativePath || file.name;

function* batches(files) {
  let batch = [];
  let size = 0;
  for (const file of files) {
    if (batch.length && (size + file.size > BATCH_BYTES || batch.length >= BATCH_FILES)) {
      yield batch;
      [batch, size] = [[], 0];
    }
    batch.push(file);
    size += file.size;
  }
  if (batch.length) yield batch;
}

/** One request; fetch cannot tell how far an upload is. */
function send(url, files, signal, progress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    files.forEach((file) => form.append("file", file, nameOf(file)));
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onload = () => (request.status < 300 ? resolve() : reject(problemOf(request.responseText, request.status)));
    request.onerror = () => reject(new Error("the connection broke during the upload"));
    request.onabort = () => resolve();
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

/** A place to drop or choose files. */
export function uploadArea(collection, act) {
  const state = el("div", { "aria-live": "polite" });
  const input = el("input", { type: "file", multiple: true, class: "hidden", tabindex: -1, "aria-label": "Files to upload" });
  const choose = el("button", { type: "button", class: "quiet small", onclick: () => input.click() }, "Choose files");
  const area = el("div", { class: "drop" }, "Drop files here or ", choose, input, state);
  const begin = (files) => files.length && act(() => upload(collection, files, state), choose);
  input.addEventListener("change", () => {
    begin([...input.files]);
    input.value = "";
  });
  const over = (on) => (event) => {
    event.preventDefault();
    area.classList.toggle("over", on);
  };
  area.addEventListener("dragover", over(true));
  area.addEventListener("dragleave", over(false));
  area.addEventListener("drop", (event) => {
    over(false)(event);
    begin([...event.dataTransfer.files]);
  });
  return area;
}

async function upload(collection, files, state) {
  const most = (await get("/system/info")).max_file_mb * 1024 * 1024;
  const good = files.filter((file) => file.size <= most);
  const left = files.length - good.length;
  const total = good.reduce((sum, file) => sum + file.size, 0);
  const stop = new AbortController();
  const words = el("span", {});
  const bar = el("progress", { max: Math.max(total, 1), value: 0, "aria-label": "Upload" });
  const cancel = el("button", { type: "button", class: "quiet small", onclick: () => stop.abort() }, "Cancel");
  state.replaceChildren(el("div", { class: "operation" }, words, cancel, bar));
  let sent = 0;
  const note = left ? ` ${plural(left, "file")} above ${bytes(most)} left out.` : "";
  try {
    for (const batch of batches(good)) {
      if (stop.signal.aborted) break;
      await send(uploadUrl(collection), batch, stop.signal, (loaded) => {
        bar.value = sent + loaded;
        words.textContent = `Sending ${bytes(Math.min(sent + loaded, total))} of ${bytes(total)}`;
      });
      if (!stop.signal.aborted) sent += batch.reduce((sum, file) => sum + file.size, 0);
    }
    state.textContent = stop.signal.aborted ? "Upload cancelled; what had arrived stays." : good.length ? `${plural(good.length, "file")} sent.${note}` : note;
  } catch (error) {
    state.replaceChildren();
    throw error;
  }
}
