"use strict";
const draw = () => {
  const payload = document.getElementById("payload"), table = document.getElementById("table");
  if (!payload || !table) return;
  const data = JSON.parse(payload.textContent), say = data.words, PAGE = 100;
  const STATUS = 0, ID = 1, RULE = 2, TEMPLATE = 3, TYPE = 4, DOCUMENT = 5, STARTED = 6, STARTER = 7, ENDED = 8, NOTE = 9;
  const byId = name => document.getElementById(name);
  const body = table.tBodies[0], search = byId("search");
  const compare = new Intl.Collator(data.language, { numeric: true }).compare;
  const filters = {
    status: [STATUS, data.statuses.map(([, name]) => name)],
    rule: [RULE, data.rules],
    template: [TEMPLATE, data.templates],
    type: [TYPE, data.types.map(([name]) => name)],
  };
  const keys = {
    status: row => row[STATUS],
    id: row => row[ID],
    rule: row => data.rules[row[RULE]],
    template: row => data.templates[row[TEMPLATE]],
    document: row => data.types[row[TYPE]][0] + " " + row[DOCUMENT],
    started: row => row[STARTED],
    started_by: row => row[STARTER],
    ended: row => row[ENDED],
    note: row => data.notes[row[NOTE]] || null,
  };
  let found = data.rows, first = 0, sorted = "", down = false, printing = false;

  const count = number => {
    const grouped = String(number).replace(/\B(?=(\d{3})+$)/g, data.language === "ru" ? "\u00a0" : ",");
    return grouped;
  };
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const moment = (seconds, length) =>
    seconds === null ? "" : new Date((seconds + data.offset) * 1000).toISOString().slice(0, length).replace("T", " ");
  const age = seconds => {
    const hours = Math.max(0, Math.floor((data.now - seconds) / 3600));
    if (hours === 0) return "0";
    const days = hours >= 48 || hours % 24 === 0;
    return fill(days ? say["unit.days"] : say["unit.hours"], { n: count(days ? Math.floor(hours / 24) : hours) });
  };

  const cell = (line, text) => {
    const made = line.insertCell();
    made.textContent = text;
    return made;
  };
  const drawRow = row => {
    const line = document.createElement("tr");
    const [status, statusName] = data.statuses[row[STATUS]];
    const dot = document.createElement("i");
    dot.className = status;
    cell(line, statusName).prepend(dot);
    cell(line, row[ID]);
    cell(line, data.rules[row[RULE]]);
    cell(line, data.templates[row[TEMPLATE]]);
    drawDocument(cell(line, ""), row);
    const started = cell(line, moment(row[STARTED], 16) + " ");
    const old = document.createElement("small");
    old.textContent = row[STARTED] === null ? "" : age(row[STARTED]);
    started.append(old);
    cell(line, row[STARTER] === null ? "" : row[STARTER]);
    cell(line, moment(row[ENDED], 19));
    cell(line, data.notes[row[NOTE]]);
    return line;
  };
  const drawDocument = (made, row) => {
    const [name, path] = data.types[row[TYPE]], digits = /[0-9]+$/.exec(row[DOCUMENT]);
    const linked = data.base && path && digits, shown = document.createElement(linked ? "a" : "span");
    if (linked) {
      shown.href = data.base + path.replace("%", digits[0]);
      shown.rel = "noopener noreferrer";
    }
    shown.textContent = row[DOCUMENT];
    made.append(name + " ", shown);
  };

  const text = row => row.text ||= [
    row[ID], row[DOCUMENT], data.rules[row[RULE]], data.templates[row[TEMPLATE]], data.types[row[TYPE]][0],
    data.statuses[row[STATUS]][1], data.notes[row[NOTE]], moment(row[STARTED], 16), row[STARTER] ?? "",
  ].join("\n").toLowerCase();
  const matches = row => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return Object.entries(filters).every(([name, [column]]) => {
      const chosen = byId("filter-" + name).value;
      return chosen === "" || row[column] === Number(chosen);
    }) && words.every(word => text(row).includes(word));
  };
  const order = (one, other) => {
    const a = keys[sorted](one), b = keys[sorted](other);
    if (a === null || b === null) return (a === null) - (b === null);
    const difference = typeof a === "number" ? a - b : sorted === "id" ? (a > b) - (a < b) : compare(a, b);
    return difference * (down ? -1 : 1);
  };

  const drawRows = () => {
    const shown = printing ? found : found.slice(first, first + PAGE);
    body.replaceChildren(...shown.map(drawRow));
    const last = Math.min(first + PAGE, found.length), numbers = { first: count(first + 1), last: count(last), count: count(found.length) };
    byId("place").textContent = found.length ? fill(say["rows.of"], numbers) : "";
    byId("previous").disabled = first === 0;
    byId("next").disabled = last === found.length;
    byId("pager").hidden = found.length <= PAGE;
  };
  const refresh = () => {
    found = data.rows.filter(matches);
    if (sorted) found.sort(order);
    first = 0;
    const numbers = { count: count(found.length), total: count(data.rows.length) };
    byId("found").textContent = found.length ? fill(say["rows.filtered"], numbers) : say["rows.none"];
    drawRows();
  };
  const turn = pages => {
    first += pages * PAGE;
    drawRows();
    byId("entries").scrollIntoView();
  };
  const sortBy = name => {
    down = sorted === name && !down;
    sorted = name;
    for (const head of table.tHead.rows[0].cells) {
      head.removeAttribute("aria-sort");
      if (head.dataset.key === name) head.setAttribute("aria-sort", down ? "descending" : "ascending");
    }
    refresh();
  };
  const print = wanted => {
    if (printing !== wanted) {
      printing = wanted;
      drawRows();
    }
  };

  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sortBy(head.dataset.key));
    head.replaceChildren(button);
  }
  for (const [name, [column, names]] of Object.entries(filters)) {
    const select = byId("filter-" + name), used = new Set(data.rows.map(row => row[column]));
    select.add(new Option(say["filter.all"], ""));
    const present = names.map((label, place) => [label, place]).filter(([, place]) => used.has(place));
    if (name !== "status") present.sort((one, other) => compare(one[0], other[0]));
    for (const [label, place] of present) select.add(new Option(label, place));
    select.addEventListener("change", refresh);
  }
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, 120);
  });
  byId("controls").addEventListener("submit", event => event.preventDefault());
  byId("controls").addEventListener("reset", () => setTimeout(refresh));
  byId("previous").addEventListener("click", () => turn(-1));
  byId("next").addEventListener("click", () => turn(1));
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  matchMedia("print").addEventListener("change", event => print(event.matches));
  for (const name of ["controls", "found"]) byId(name).hidden = false;
  refresh();
};
try {
  draw();
} finally {
  document.documentElement.className = "";
}
