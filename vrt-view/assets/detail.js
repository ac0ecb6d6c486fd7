// In: a trace and a unit's number. Out: all there is to see of it.

// `step(unit)` goes to another unit, `go(trace)` to another trace.
function detail(one, at, step, go) {
  const { record } = one;
  const last = record.rounds.length - 1;
  const facts = [record.source, `sample ${record.sample}`, `pair ${record.pair}`, plural(one.calls, "call"), one.tokens ? plural(one.tokens, "token") : null, one.seconds ? `${one.seconds.toFixed(1)} s` : null];
  return [
    el(
      "div.title",
      {},
      el("h2", {}, record.caption || "(no caption)"),
      el("p.dim", {}, facts.filter(Boolean).join(" · ")),
      outcome(one),
    ),
    timeline(one, at),
    legend(),
    record.rounds.length
      ? [
          el(
            "div.steps",
            { role: "tablist", "aria-label": "Units" },
            el("button.arrow", { onclick: () => step(at - 1), disabled: at === 0, "aria-label": "previous unit", tabindex: "-1" }, "‹"),
            record.rounds.map((round, number) =>
              el("button.step", { role: "tab", id: `step-${number}`, "aria-selected": String(number === at), "aria-controls": "unit", tabindex: number === at ? "0" : "-1", onclick: () => step(number) }, round.unit?.answers ? "Answer" : `Unit ${number + 1}`, stepNote(round)),
            ),
            el("button.arrow", { onclick: () => step(at + 1), disabled: at === last, "aria-label": "next unit", tabindex: "-1" }, "›"),
          ),
          el("div.unit", { role: "tabpanel", id: "unit", "aria-labelledby": `step-${at}` }, el("div", {}, el("h3", {}, "What it saw"), seen(one, at)), el("div", {}, el("h3", {}, "What it wrote"), written(one, at))),
        ]
      : el("p.dim", {}, "No unit was written."),
    el("div.below", {}, el("section.part", {}, el("h3", {}, "Verdict"), verdicts(one, at, step)), record.reward ? rewards(one) : null),
    one.group.length > 1 ? siblings(one, go) : null,
  ];
}

function stepNote(round) {
  const called = round.calls.filter((call) => call.views !== null);
  if (round.fault || !round.unit) return el("span.dot.wrong", { title: round.fault?.text ?? "not a unit" }, "!");
  return called.length ? el("span.dim", {}, ` ${called.map((call) => call.name).join(", ")}`) : null;
}

function outcome(one) {
  const { stop } = one.record;
  if (!one.answered) return el("p.end.broken", {}, el("b", {}, stop ? `Stopped: ${stop.name}` : "Still running"), stop?.text ? `: ${stop.text}` : "");
  const right = one.right.OA;
  if (right === null) return el("p.end.open", {}, el("b", {}, `Answer: ${preference(one.record.answer.OA)}`), ", truth unknown");
  const parts = KEYS.length - one.wrong;
  return el(`p.end.${right ? "right" : "wrong"}`, {}, el("b", {}, right ? "✓ Right overall" : "✗ Wrong overall"), `: ${preference(one.record.answer.OA)}${right ? "" : `, truth ${preference(one.record.truth.OA)}`}; ${parts} of ${KEYS.length} judgments right`);
}

function legend() {
  const entry = (kind, label, words) => el("span", {}, el(`i.mark.${kind}`, { "--hue": "var(--o1)", "aria-hidden": "true" }, label), ` ${words}`);
  return el("p.legend.dim", {}, entry("initial", "", "shown first"), entry("visible", "1", "fetched, in view"), entry("forgotten", "1", "forgotten"), entry("asked", "1", "asked for by this unit"));
}
