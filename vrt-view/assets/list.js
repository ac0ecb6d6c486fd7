// In: traces. Out: a list that draws only the rows in sight.

const ROW = 62;
const SPARE = 6;

// `pick(trace)` is called when a row is chosen.
function virtualList(pick) {
  const space = el("div.rows", {});
  const box = el("div.list", { role: "listbox", tabindex: "0", "aria-label": "Traces", id: "list" }, space);
  const none = el("p.empty.dim", { hidden: true }, "No trace passes these filters.");
  let rows = [];
  let current = null;
  let drawn = "";

  function draw() {
    const first = Math.max(0, Math.floor(box.scrollTop / ROW) - SPARE);
    const last = Math.min(rows.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + SPARE);
    const state = `${first} ${last} ${current?.number}`;
    if (state === drawn) return;
    drawn = state;
    space.replaceChildren(...rows.slice(first, last).map((one, i) => row(one, first + i)));
  }

  function row(one, at) {
    const { record } = one;
    const mark = !one.answered ? "!" : one.right.OA === null ? "·" : one.right.OA ? "✓" : "✗";
    const kind = { "!": "broken", "·": "open", "✓": "right", "✗": "wrong" }[mark];
    const node = el(
      "div.row",
      {
        role: "option",
        id: `row-${one.number}`,
        "aria-selected": String(one === current),
        "aria-setsize": String(rows.length),
        "aria-posinset": String(at + 1),
        onclick: () => pick(one),
      },
      el(`span.mark.${kind}`, { "aria-label": { broken: "malformed", open: "truth unknown", right: "right", wrong: "wrong" }[kind] }, mark),
      el("span.caption", { title: record.caption }, record.caption || "(no caption)"),
      el(
        "span.facts",
        {},
        el("span.dots", {}, KEYS.map((key) => dot(one, key))),
        el("span.dim", {}, one.answered ? plural(one.calls, "call") : record.stop?.name ?? "running"),
        record.reward?.advantage != null && el("span.dim.number", { title: "advantage" }, `A ${signed(record.reward.advantage, 2)}`),
        el("span.dim.source", { title: record.source }, record.reward ? `#${record.sample} ` : null, ownSource(record.source)),
      ),
    );
    node.style.top = `${at * ROW}px`;
    return node;
  }

  function show(list) {
    rows = list;
    space.style.height = `${rows.length * ROW}px`;
    none.hidden = rows.length > 0;
    drawn = "";
    draw();
  }

  function select(one) {
    current = one;
    const at = rows.indexOf(one);
    if (at >= 0) {
      const top = at * ROW;
      if (top < box.scrollTop) box.scrollTop = top;
      if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
    }
    draw();
    if (at >= 0) box.setAttribute("aria-activedescendant", `row-${one.number}`);
    else box.removeAttribute("aria-activedescendant");
  }

  box.addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(draw).observe(box);
  return { nodes: [box, none], show, select, focus: () => box.focus(), page: () => Math.max(1, Math.floor(box.clientHeight / ROW) - 1) };
}

// One judgment of the answer: which video, and whether that is right.
function dot(one, key) {
  const said = one.record.answer?.[key];
  const kind = one.right[key] === null ? "open" : one.right[key] ? "right" : "wrong";
  const words = said === undefined ? "no answer" : `${preference(said)}${kind === "open" ? "" : `, ${kind}`}`;
  return el(`span.dot.${said === undefined ? "silent" : kind}`, { title: `${MEANING[key]}: ${words}` }, key);
}

function preference(digit) {
  return ["tie", "video 1", "video 2"][digit];
}
