// In: one round. Out: what was written, as its parts, and what came of it.

function written(one, at) {
  const round = one.record.rounds[at];
  const cost = [round.tokens ? plural(round.tokens, "token") : null, round.seconds != null ? `${round.seconds.toFixed(1)} s` : null, round.cut ? "cut off by a length limit" : null];
  return el(
    "div.written",
    {},
    round.unit ? parts(one, round.unit) : el("div.fault", { role: "note" }, el("b", {}, "Not a unit. "), round.fault?.text ?? one.record.stop?.text ?? "its format could not be read"),
    round.calls.map(call),
    brought(one, at),
    round.fault && round.unit ? el("div.fault", { role: "note" }, el("b", {}, `Told to the model (${round.fault.name}): `), round.fault.text) : null,
    el("details.raw", { open: !round.unit }, el("summary", {}, "As it was written ", el("span.dim", {}, cost.filter(Boolean).join(", "))), el("pre", {}, round.text)),
  );
}

function parts(one, unit) {
  return [
    part("Snapshot", null, el("p.prose", {}, unit.snapshot || "(empty)")),
    part("Think", null, el("p.prose", {}, unit.think || "(empty)")),
    part(unit.answers ? "Answer" : "Recommended answer", null, el("div.said", {}, KEYS.map((key) => said(one, unit.judgment, key)), unit.judgment.CF ? el("span.cf", {}, `confidence ${["high", "middle", "low"][unit.judgment.CF - 1]}`) : null)),
  ];
}

function said(one, judgment, key) {
  const truth = one.record.truth;
  const kind = truth ? (truth[key] === judgment[key] ? "right" : "wrong") : "open";
  return el(`span.chip.${kind}`, { title: MEANING[key] }, el("b", {}, key), ` ${preference(judgment[key])}`, truth ? el("i", { "aria-label": kind }, kind === "right" ? " ✓" : " ✗") : null);
}

function call({ name, arguments: given, views }) {
  const words = views === null ? "not carried out" : `brought ${plural(views, "picture")}`;
  return el("div.call", {}, el("code", {}, el("b", {}, name), ` ${JSON.stringify(given)}`), el("span.dim", {}, words));
}

// Every unit's judgment beside the truth: how the verdict came about.
function verdicts(one, at, step) {
  const { truth, rounds } = one.record;
  const head = rounds.map((round, number) =>
    el("th", { scope: "col", "aria-current": number === at ? "step" : null, class: number === at ? "now" : null }, el("button.plain", { onclick: () => step(number) }, round.unit?.answers ? "Answer" : `Unit ${number + 1}`)),
  );
  const cell = (round, number, key) => {
    const value = round.unit?.judgment[key];
    const kind = value === undefined ? "none" : truth ? (value === truth[key] ? "right" : "wrong") : "open";
    const sign = { right: " ✓", wrong: " ✗" }[kind] ?? "";
    return el(`td.${kind}${number === at ? ".now" : ""}`, {}, value === undefined ? "–" : `${preference(value)}${sign}`);
  };
  return el(
    "table.verdicts",
    {},
    el("caption.hidden", {}, "Judgments by unit, against the truth"),
    el("thead", {}, el("tr", {}, el("td", {}), el("th", { scope: "col" }, "Truth"), head)),
    el("tbody", {}, KEYS.map((key) => el(`tr${key === "OA" ? ".overall" : ""}`, {}, el("th", { scope: "row" }, el("b", {}, key), el("span.dim", {}, ` ${MEANING[key]}`)), el("td.truth", {}, truth ? preference(truth[key]) : "unknown"), rounds.map((round, number) => cell(round, number, key))))),
  );
}
