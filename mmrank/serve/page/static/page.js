// What the page does beyond HTML and htmx: boxes and texts mark each other, zoom, copying, dropping files, keys.
"use strict";
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const say = (text) => { one("#said").textContent = text; };
  let desked = false;
  const narrow = matchMedia("(max-width: 1180px)");

  // A box, its text beside the page, and the snippet of the open hit mark each other.
  const spotOf = (target) => {
    const marked = target.closest?.("[data-spot]");
    if (!marked) return null;
    if (marked.closest("#viewer")) return marked.dataset.spot;
    const hit = marked.closest(".hit");
    return hit && hit.dataset.page === one("#viewer")?.dataset.page ? marked.dataset.spot : null;
  };
  const light = (spot) => {
    const open = one("#viewer")?.dataset.page;
    for (const item of all("[data-spot]")) {
      const here = item.closest("#viewer") || item.closest(".hit")?.dataset.page === open;
      item.classList.toggle("lit", spot !== null && here && item.dataset.spot === spot);
    }
  };
  const hover = (event) => {
    // The link of a card covers its snippet, so the snippet is found by where the pointer is.
    const card = event.target.closest?.(".hit");
    if (card && event.type === "mousemove") {
      const snippet = one(".snippet", card);
      const box = snippet?.getBoundingClientRect();
      const inside = box && event.clientY >= box.top && event.clientY <= box.bottom;
      return light(inside ? spotOf(snippet) : null);
    }
    return light(spotOf(event.target));
  };
  document.addEventListener("mousemove", (event) => { if (event.target.closest?.(".hit")) hover(event); });
  document.addEventListener("mouseover", hover);
  document.addEventListener("focusin", (event) => light(spotOf(event.target)));
  document.addEventListener("focusout", () => light(null));

  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  document.addEventListener("click", (event) => {
    const spot = event.target.closest?.("#viewer [data-spot] , #viewer a[data-spot]");
    const link = event.target.closest?.("a[href^='#box-'], a[href^='#spot-']");
    if (spot && link) {
      event.preventDefault();
      const other = one(link.getAttribute("href"));
      other?.scrollIntoView({ block: "center", inline: "center", behavior: calm() });
      const focused = other?.matches("a") ? other : one("a", other);
      focused?.focus({ preventScroll: true });
      light(spot.dataset.spot);
    }
  });

  // Zoom without loading the page again.
  const STEPS = ["100", "150", "200", "300"];
  const sizes = () => {
    const picture = one("#viewer .sheet img");
    if (picture) picture.sizes = `${Math.ceil(picture.getBoundingClientRect().width)}px`;
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-zoom][href]");
    const desk = one("#viewer .desk");
    if (!button || !desk || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const at = STEPS.indexOf(desk.dataset.zoom) + Number(button.dataset.zoom);
    const next = STEPS[Math.max(0, Math.min(STEPS.length - 1, at))];
    const middle = (desk.scrollTop + desk.clientHeight / 2) / desk.scrollHeight;
    desk.dataset.zoom = next;
    desk.scrollTop = middle * desk.scrollHeight - desk.clientHeight / 2;
    const address = new URL(location.href);
    if (address.searchParams.has("open")) {
      next === "100" ? address.searchParams.delete("zoom") : address.searchParams.set("zoom", next);
      history.replaceState(history.state, "", address);
    }
    say(`Zoom ${next} %`);
    sizes();
  });

  // Copy a citation.
  const prepare = (within) => { for (const button of all("[data-copy]", within)) button.hidden = false; };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const field = one(button.dataset.copy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.lastChild.textContent = "Copied";
      say("The citation was copied.");
    } catch {
      say("Select the citation and copy it.");
    }
  });
  document.addEventListener("click", (event) => {
    for (const open of all("details.citing[open]")) if (!open.contains(event.target)) open.open = false;
  });

  // Keys: Enter asks, Escape closes, arrows turn pages where the page has the focus.
  document.addEventListener("keydown", (event) => {
    if (event.target.id === "question" && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      event.target.form.requestSubmit();
    } else if (event.key === "Escape") {
      const open = one("details.citing[open]");
      if (open) {
        open.open = false;
        one("summary", open).focus();
      } else if (one("#viewer.chosen") && !event.target.matches("input, textarea, select")) {
        one("#viewer .close").click();
      }
    } else if (event.target.matches?.(".desk") && !event.altKey && !event.ctrlKey && !event.metaKey) {
      const turn = { ArrowLeft: "#turn-back", PageUp: null, ArrowRight: "#turn-on" }[event.key];
      const wide = event.target.scrollWidth > event.target.clientWidth;
      if (turn && !wide && one(turn)) {
        event.preventDefault();
        desked = true;
        one(turn).click();
      }
    }
  });
  

  // An answer comes as the page is loaded, so that it is shown while it is written.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt;
    if (form.id !== "ask") return;
    const data = new FormData(form);
    if (data.get("mode") === "ask" && data.get("q").trim()) {
      event.preventDefault();
      const given = [...data].filter(([name, value]) => typeof value === "string" && value.trim());
      location.assign(`/?${new URLSearchParams(given)}`);
    }
  });

  // Bring the first box into sight.
  const reveal = () => {
    const desk = one("#viewer .desk");
    const box = one("#viewer .box rect");
    if (!desk || !box) return;
    const [at, within] = [box.getBoundingClientRect(), desk.getBoundingClientRect()];
    const room = Math.max(40, (within.height - at.height) / 2);
    if (at.bottom > within.bottom || at.top < within.top) desk.scrollTop += at.top - within.top - room;
  };

  // Another collection has other filters and documents.
  one("#collection")?.addEventListener("change", (event) => {
    const form = new FormData(event.target.form);
    const kept = ["c", "q", "mode"].map((name) => [name, form.get(name) ?? ""]).filter(([, value]) => value.trim());
    location.assign(`/?${new URLSearchParams(kept)}`);
  });

  const settle = () => {
    const viewer = one("#viewer");
    for (const link of all("[data-page][href]")) {
      if (link.dataset.page === viewer?.dataset.page && !link.matches(".cite")) link.setAttribute("aria-current", "true");
      else if (!link.matches(".cite") || link.href !== location.href) link.removeAttribute("aria-current");
      if (link.matches(".cite") && link.href === location.href) link.setAttribute("aria-current", "true");
    }
    one("#content")?.classList.toggle("reading", Boolean(viewer?.matches(".chosen")));
    prepare(document);
    sizes();
  };
  document.addEventListener("htmx:afterSwap", (event) => {
    settle();
    if (event.target.id === "viewer") {
      if (desked) one("#viewer .desk")?.focus({ preventScroll: true });
      desked = false;
      const saved = one("#described .saved");
      if (matchMedia("(max-width: 760px)").matches && !saved) scrollTo(0, 0);
      reveal();
      saved?.scrollIntoView({ block: "nearest" });
      say(saved?.textContent ?? one("#viewer")?.getAttribute("aria-label") ?? "");
    } else if (event.target.id === "jobs" || event.target.matches(".job:not(.waiting, .reading)")) {
      one("#jobs .job")?.scrollIntoView({ block: "nearest" });
    } else if (event.target.id === "content") {
      one("#middle").scrollTop = 0;
      reveal();
      say((one("#middle .done") ?? one("#middle .summary"))?.textContent.trim() ?? "");
    }
  });
  // Errors that come as JSON are told, never put into the page as HTML.
  const complain = (text) => {
    const place = one("#complaint");
    place.textContent = text;
    place.hidden = false;
    setTimeout(() => { place.hidden = true; }, 12000);
  };
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answer = event.detail.xhr;
    if ((answer.getResponseHeader("Content-Type") ?? "").startsWith("text/html")) return;
    event.detail.shouldSwap = false;
    let said = `The server answers ${answer.status}.`;
    try { said = JSON.parse(answer.responseText).error.message; } catch { /* not of ours */ }
    complain(said);
  });

  // Files are added by dropping them anywhere, or as soon as they are chosen.
  const drop = one("#drop");
  if (drop) {
    const field = one("#files");
    const sending = one("#sending");
    one("#send").hidden = true;
    let within = 0;
    const holds = (event) => [...event.dataTransfer?.types ?? []].includes("Files");
    const mark = (on) => document.body.classList.toggle("dropping", on);
    document.addEventListener("dragenter", (event) => { if (holds(event)) { within += 1; mark(true); } });
    document.addEventListener("dragleave", (event) => { if (holds(event)) { within -= 1; mark(within > 0); } });
    document.addEventListener("dragover", (event) => { if (holds(event)) event.preventDefault(); });
    document.addEventListener("drop", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      within = 0;
      mark(false);
      field.files = event.dataTransfer.files;
      drop.requestSubmit();
    });
    field.addEventListener("change", () => { if (field.files.length) drop.requestSubmit(); });
    drop.addEventListener("htmx:xhr:progress", (event) => {
      sending.hidden = !event.detail.lengthComputable;
      sending.value = event.detail.total ? 100 * event.detail.loaded / event.detail.total : 0;
    });
    drop.addEventListener("htmx:afterRequest", () => { sending.hidden = true; field.value = ""; });
  }

  document.addEventListener("htmx:sendError", () => complain("The server does not answer."));
  addEventListener("resize", sizes);

  if (narrow.matches) for (const details of all("#browser, #add")) details.open = false;
  settle();
  reveal();
})();
