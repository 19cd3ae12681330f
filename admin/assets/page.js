// Keeps the page current: asks for it again every two seconds and changes what differs, in place, so that focus,
// selection, scrolling and opened parts stay as they are. The server is the only one that lays anything out.
"use strict";
(() => {
  const every = 2000;
  const head = document.getElementById("head");
  const main = document.getElementById("main");
  const pause = document.getElementById("pause");
  let paused = false;
  let failing = false;

  // same tells whether b is a later state of a.
  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");

  // change makes a look like b. What the reader did to a (opened, a copy button) stays.
  function change(a, b) {
    if (a.nodeType !== Node.ELEMENT_NODE) {
      if (a.nodeValue !== b.nodeValue) a.nodeValue = b.nodeValue;
      return;
    }
    if (a.nodeName === "NOSCRIPT" || a.id === "pause") return;
    for (const { name } of [...a.attributes]) if (!b.hasAttribute(name) && name !== "open") a.removeAttribute(name);
    for (const { name, value } of b.attributes) if (name !== "open" && a.getAttribute(name) !== value) a.setAttribute(name, value);
    let old = a.firstChild;
    for (const next of [...b.childNodes]) {
      while (old && old.dataset && old.dataset.own) old = old.nextSibling;
      let found = old;
      // Something was put in before, or taken away: look for the element of the same id further on.
      if (next.id) for (found = old; found && found.id !== next.id; found = found.nextSibling);
      if (found && same(found, next)) {
        if (found !== old) a.insertBefore(found, old);
        else old = old.nextSibling;
        change(found, next);
      } else if (old && !next.id && same(old, next)) {
        const after = old.nextSibling;
        change(old, next);
        old = after;
      } else {
        a.insertBefore(document.importNode(next, true), old);
      }
    }
    while (old) {
      const after = old.nextSibling;
      if (!(old.dataset && old.dataset.own)) old.remove();
      old = after;
    }
  }

  function dress() { // each command gets a button that copies it
    for (const box of main.querySelectorAll(".command")) {
      if (box.querySelector("button")) continue;
      const code = box.querySelector("code");
      const b = document.createElement("button");
      b.type = "button";
      b.dataset.own = "1";
      b.textContent = "Copy";
      b.setAttribute("aria-label", "Copy the command");
      b.addEventListener("click", async () => {
        const range = document.createRange();
        range.selectNodeContents(code);
        const chosen = getSelection();
        chosen.removeAllRanges();
        chosen.addRange(range);
        let done = false;
        try { await navigator.clipboard.writeText(code.textContent); done = true; } catch { done = document.execCommand("copy"); }
        b.textContent = done ? "Copied" : "Press Ctrl+C";
        setTimeout(() => { b.textContent = "Copy"; }, 2000);
      });
      box.append(b);
    }
  }

  async function refresh() {
    let text;
    try {
      const answer = await fetch(location.pathname + location.search, { cache: "no-store", signal: AbortSignal.timeout(10000) });
      text = await answer.text();
    } catch {
      if (!failing) {
        failing = true;
        const v = document.getElementById("verdict");
        v.textContent = "This page cannot reach sinker; what it shows is old";
        v.className = "verdict bad";
      }
      return;
    }
    failing = false;
    if (paused) return;
    const next = new DOMParser().parseFromString(text, "text/html");
    if (!next.getElementById("main")) return;
    document.title = next.title;
    change(head, next.getElementById("head"));
    change(main, next.getElementById("main"));
    dress();
  }

  async function loop() {
    if (!paused && !document.hidden) await refresh();
    setTimeout(loop, every);
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused) refresh(); });
  dress();
  setTimeout(loop, every);
})();
