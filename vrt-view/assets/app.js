// In: traces, clicks and keys. Out: one chosen trace, one chosen unit, and both on the screen.

const state = { filters: new Set(), order: ORDERS[0], source: null, text: "", shown: [], trace: null, unit: 0 };

const list = virtualList((one) => open(one));
const count = el("span.count.dim", { role: "status" });
const search = el("input", { type: "search", placeholder: "Search captions and traces", "aria-label": "Search captions and traces", oninput: () => refine(() => (state.text = search.value)) });
const chips = FILTERS.map((filter, at) =>
  el("button.filter", { "aria-pressed": "false", title: `${filter.title} (${at + 1})`, onclick: () => toggle(at) }, filter.name, el("span.dim", {}, ` ${traces.filter(filter.keeps).length}`)),
);

function choice(label, names, pick) {
  const menu = el("select", { "aria-label": label, onchange: () => refine(() => pick(menu.selectedIndex)) }, names.map((name) => el("option", {}, name)));
  return menu;
}

function toggle(at) {
  const filter = FILTERS[at];
  refine(() => (state.filters.has(filter) ? state.filters.delete(filter) : state.filters.add(filter)));
  chips[at].setAttribute("aria-pressed", String(state.filters.has(filter)));
}

// Applies a change of filters; the chosen trace stays if it still passes.
function refine(change) {
  change();
  state.shown = chosen({ ...state, filters: [...state.filters] });
  count.textContent = state.shown.length === traces.length ? plural(traces.length, "trace") : `${state.shown.length} of ${plural(traces.length, "trace")}`;
  list.show(state.shown);
  if (state.shown.includes(state.trace)) list.select(state.trace);
  else open(state.shown[0] ?? null);
}

// Opens a trace at its first unit.
function open(one, unit = 0) {
  state.trace = one;
  list.select(one);
  step(unit, true);
}

function step(unit, fresh = false) {
  const one = state.trace;
  const pane = document.getElementById("trace");
  if (!one) {
    pane.replaceChildren(el("p.empty.dim", {}, traces.length ? "No trace passes these filters." : "This page holds no traces."));
    return;
  }
  state.unit = Math.max(0, Math.min(unit, one.record.rounds.length - 1));
  // A redraw must not take the keyboard away from whoever steps with it.
  const held = pane.contains(document.activeElement) && document.activeElement !== pane;
  pane.replaceChildren(...detail(one, state.unit, (next) => step(next), (other) => open(other)).flat());
  if (held) document.getElementById(`step-${state.unit}`)?.focus({ preventScroll: true });
  if (fresh) pane.scrollTop = 0;
  history.replaceState(null, "", `#${one.number + 1}.${state.unit + 1}`);
}

function move(by) {
  const at = state.shown.indexOf(state.trace);
  const next = state.shown[Math.max(0, Math.min(at + by, state.shown.length - 1))];
  if (next && next !== state.trace) open(next);
}

function sibling(by) {
  const group = state.trace?.group ?? [];
  const next = group[group.indexOf(state.trace) + by];
  if (next) open(next);
}

function dark() {
  const root = document.documentElement.style;
  const now = root.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  root.colorScheme = now === "dark" ? "light" : "dark";
}

const HELP = [
  ["j k, ↓ ↑", "next, previous trace"],
  ["→ ←, l h", "next, previous unit"],
  ["] [", "next, previous trace of the same pair"],
  ["Enter, Esc", "into the trace, back to the list"],
  ["1 … 5", FILTERS.map((filter) => filter.name).join(", ")],
  ["/", "search"],
  ["t", "light or dark"],
  ["?", "this help"],
];
const help = el("dialog", { "aria-label": "Keys" }, el("h2", {}, "Keys"), el("dl", {}, HELP.map(([keys, words]) => [el("dt", {}, el("kbd", {}, keys)), el("dd", {}, words)])), el("form", { method: "dialog" }, el("button", {}, "Close")));

const ACTIONS = {
  j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
  PageDown: () => move(list.page()), PageUp: () => move(-list.page()),
  Home: () => move(-Infinity), End: () => move(Infinity),
  l: () => step(state.unit + 1), ArrowRight: () => step(state.unit + 1),
  h: () => step(state.unit - 1), ArrowLeft: () => step(state.unit - 1),
  "]": () => sibling(1), "[": () => sibling(-1),
  Enter: () => document.getElementById("trace").focus(),
  Escape: () => list.focus(),
  "/": () => search.focus(), t: dark, "?": () => help.showModal(),
};
FILTERS.forEach((_, at) => (ACTIONS[at + 1] = () => toggle(at)));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const at = event.target;
  const typing = at instanceof HTMLInputElement || at instanceof HTMLSelectElement;
  if (typing && event.key !== "Escape") return;
  // Space and Enter belong to a button that has the focus, scrolling keys to a trace that has it.
  const pane = document.getElementById("trace");
  if (event.key === "Enter" && at instanceof HTMLButtonElement) return;
  if (pane.contains(at) && ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End"].includes(event.key)) return;
  const action = Object.hasOwn(ACTIONS, event.key) ? ACTIONS[event.key] : null;
  if (!action) return;
  event.preventDefault();
  action();
});

document.getElementById("head").append(
  el("h1", {}, data.title),
  count,
  el("span.grow"),
  search,
  el("button.icon", { onclick: dark, title: "light or dark (t)", "aria-label": "light or dark" }, "◐"),
  el("button.icon", { onclick: () => help.showModal(), title: "keys (?)", "aria-label": "keys" }, "?"),
);
document.getElementById("choice").append(
  el("div.filters", { role: "group", "aria-label": "Filters" }, chips),
  el(
    "div.menus",
    {},
    // A new order is chosen for what it puts first.
    choice("Order", ORDERS.map((order) => order.name), (at) => ([state.order, state.trace] = [ORDERS[at], null])),
    sources.length > 1 ? choice("Source", ["all sources", ...sources], (at) => (state.source = at ? sources[at - 1] : null)) : null,
  ),
  ...list.nodes,
);
document.body.append(help);

// A link may name a trace and a unit, both from 1: #12.2
const [, wanted, unit] = /^#(\d{1,9})\.(\d{1,9})$/.exec(location.hash) ?? [];
refine(() => {});
if (wanted && traces[wanted - 1]) open(traces[wanted - 1], unit - 1);
list.focus();
