// In: a trace with a reward. Out: its terms, and its group's samples beside each other.

// A bar from the middle, as a share of `most`.
function bar(value, most) {
  const width = most > 0 ? (50 * Math.abs(value)) / most : 0;
  const left = value < 0 ? 50 - width : 50;
  return el("span.bar", { "aria-hidden": "true" }, el(`i.${value < 0 ? "less" : "more"}`, { left: `${left}%`, width: `${width}%` }));
}

function rewards(one) {
  const { reward } = one.record;
  const most = Math.max(...reward.terms.map((term) => Math.abs(term.share ?? 0)), 0);
  const grouped = reward.advantage !== null;
  return el(
    "section.part.reward",
    {},
    el("h3", {}, "Reward"),
    el(
      "table.terms",
      {},
      el("thead", {}, el("tr", {}, ["Term", "raw", "weight", "weighted"].map((name) => el("th", { scope: "col" }, name)), grouped && el("th", { scope: "col", colspan: "2" }, "share of advantage"))),
      el(
        "tbody",
        {},
        reward.terms.map((term) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, term.name),
            term.abstains ? el("td.dim", { colspan: "3" }, `abstains: ${term.abstains}`) : [term.raw, term.weight, term.weighted].map((value) => el("td.number", {}, number(value))),
            grouped && [el("td.number", {}, signed(term.share)), el("td.barred", {}, bar(term.share ?? 0, most))],
          ),
        ),
      ),
      el("tfoot", {}, el("tr", {}, el("th", { scope: "row" }, "Total"), el("td", { colspan: "2" }), el("td.number", {}, number(reward.total)), grouped && [el("td.number", {}, signed(reward.advantage)), el("td")])),
    ),
  );
}

// The samples of the same pair, this one marked; `go` opens another.
function siblings(one, go) {
  const most = Math.max(...one.group.map((other) => Math.abs(other.record.reward?.advantage ?? 0)), 0);
  const scored = one.group.some((other) => other.record.reward);
  return el(
    "section.part.group",
    {},
    el("h3", {}, "The same pair ", el("span.dim", {}, `${plural(one.group.length, "trace")}, disagreement ${number(one.disagreement, 2)}`)),
    el(
      "table.samples",
      {},
      el("thead", {}, el("tr", {}, ["Sample", "answer", "calls", "tokens"].map((name) => el("th", { scope: "col" }, name)), scored && [el("th", { scope: "col" }, "reward"), el("th", { scope: "col", colspan: "2" }, "advantage")])),
      el(
        "tbody",
        {},
        one.group.map((other) =>
          el(
            "tr",
            { class: other === one ? "now" : null, "aria-current": other === one ? "true" : null },
            el("th", { scope: "row" }, el("button.plain", { onclick: () => go(other) }, `#${other.record.sample}`), sources.length > 1 ? el("span.dim", { title: other.record.source }, ` ${ownSource(other.record.source)}`) : null),
            el("td", {}, other.record.answer ? el("span.dots", {}, KEYS.map((key) => dot(other, key))) : el("span.wrong", {}, other.record.stop?.name ?? "running")),
            el("td.number", {}, String(other.calls)),
            el("td.number", {}, String(other.tokens)),
            scored && [el("td.number", {}, number(other.record.reward?.total)), el("td.number", {}, signed(other.record.reward?.advantage ?? null)), el("td.barred", {}, bar(other.record.reward?.advantage ?? 0, most))],
          ),
        ),
      ),
    ),
  );
}
