"use strict";
// The page is whole without this: it adds sorting, filtering, and the name of a trial under the pointer or the finger.
document.documentElement.classList.add("has-script");

const number = (text) => {
  const match = text.replaceAll(",", "").match(/[-+]?\d+(\.\d+)?(e[-+]?\d+)?/i);
  return match && /^[<>\s]*[-+]?\d/.test(text) ? Number(match[0]) : null;
};

function compare(a, b) {
  const [x, y] = [number(a), number(b)];
  if (x !== null && y !== null) return x - y;
  if (x !== null || y !== null) return x === null ? 1 : -1;  // what is not a number goes last
  return a.localeCompare(b);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const text = (row) => row.cells[column].textContent.trim();
      const rows = [...table.tBodies[0].rows].sort((a, b) => sign * compare(text(a), text(b)));
      table.tBodies[0].append(...rows);
    });
  });
}

for (const input of document.querySelectorAll("input[data-filters]")) {
  const rows = [...document.getElementById(input.dataset.filters).tBodies[0].rows];
  const shown = document.getElementById(input.dataset.filters + "-shown");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    shown.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} trials`;
  });
}

const tip = document.createElement("div");
tip.id = "tip";
tip.setAttribute("role", "status");
tip.hidden = true;
document.body.append(tip);

for (const title of document.querySelectorAll("figure svg title")) {
  const mark = title.parentElement;
  mark.dataset.told = title.textContent;
  title.remove();  // the browser's own tip would cover this one
}
const show = (event) => {
  const mark = event.target.closest("[data-told]");
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.dataset.told;
  const left = Math.min(event.pageX + 12, window.scrollX + document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(window.scrollX + 8, left)}px`;
  tip.style.top = `${event.pageY + 14}px`;
};
document.addEventListener("pointermove", show);
document.addEventListener("pointerdown", show);
