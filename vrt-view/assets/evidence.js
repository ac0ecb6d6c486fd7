// In: a trace and a unit's number. Out: which pictures that unit had in view, had lost, and asked for.

// Outcomes are numbered from 1 over the rounds that brought one; `round` is the unit that asked.
function outcomes(one) {
  const brought = [];
  one.record.rounds.forEach((round, at) => {
    if (round.views) brought.push({ number: brought.length + 1, round: at, views: round.views });
  });
  return brought;
}

// What holds while unit `at` is written.
function evidence(one, at) {
  const all = outcomes(one);
  const oldest = at > 0 ? one.record.rounds[at - 1]?.window.oldest ?? 1 : 1;
  const before = all.filter((outcome) => outcome.round < at);
  return {
    visible: before.filter((outcome) => outcome.number >= oldest),
    forgotten: before.filter((outcome) => outcome.number < oldest),
    asked: all.find((outcome) => outcome.round === at) ?? null,
  };
}

// Which video a frame of the pool belongs to, and its place there from 0.
function locate(one, frame) {
  const first = one.record.videos[0].frames;
  return frame <= first ? { video: 0, offset: frame - 1 } : { video: 1, offset: frame - 1 - first };
}

// The hue of an outcome's number.
function hue(number) {
  return `var(--o${((number - 1) % 4) + 1})`;
}

function picture(one, key, words) {
  const source = one.pictures?.[key];
  return source
    ? el("button.zoom", { onclick: () => enlarge(source, words), "aria-label": `enlarge ${words}` }, el("img", { src: source, alt: words, decoding: "async" }))
    : el("span.blank", { role: "img", "aria-label": `${words} (not kept)` }, key);
}

// Small pictures are kept as PNG and have pixels to be seen, photographs are JPEG and have none.
function photo(source) {
  return source?.startsWith("data:image/jpeg") ?? false;
}

// Shows one picture as large as the window allows, until it is closed.
function enlarge(source, words) {
  const large = el(
    "dialog.large",
    { "aria-label": words, onclose: () => large.remove() },
    el(photo(source) ? "img.photo" : "img", { src: source, alt: words }),
    el("form", { method: "dialog" }, el("span", {}, `${words} `), el("button", {}, "Close")),
  );
  document.body.append(large);
  large.showModal();
}

function frameWords(one, view) {
  const { video, offset } = locate(one, view.frame);
  const fps = one.record.videos[video].fps;
  const time = fps ? `, ${(offset / fps).toFixed(2)} s` : "";
  const drawn = view.kind === "frame" ? "" : `${view.kind} of `;
  return `${drawn}frame ${view.frame}: video ${video + 1}, frame ${offset + 1} of ${one.record.videos[video].frames}${time}`;
}

// One list a video.
function pictures(one, views, kind, colour) {
  const sides = [0, 1].map((side) => views.filter((view) => locate(one, view.frame).video === side));
  return sides.filter((side) => side.length).map((side) => pictureRow(one, side, kind, colour));
}

function pictureRow(one, views, kind, colour) {
  return el(
    `ul.pictures.${kind}`,
    { "--hue": colour },
    views.map((view) => {
      const words = frameWords(one, view);
      const { video } = locate(one, view.frame);
      return el(
        `li.v${video + 1}${photo(one.pictures?.[view.key]) ? ".photo" : ""}`,
        { title: view.kind === "frame" ? words : `${view.key}\n${words}` },
        picture(one, view.key, words),
        el("span.tag", {}, String(view.frame), view.kind === "frame" ? null : el("em", {}, ` ${view.kind}`)),
      );
    }),
  );
}

function part(title, note, ...content) {
  return el("section.part", {}, el("h4", {}, title, note ? el("span.dim", {}, ` ${note}`) : null), ...content);
}

// What unit `at` had before its eyes, and what it had lost.
function seen(one, at) {
  const { visible, forgotten } = evidence(one, at);
  const plain = (frame) => ({ key: String(frame), frame, kind: "frame" });
  const named = (outcome) => `outcome ${outcome.number}, asked for by unit ${outcome.round + 1}`;
  return el(
    "div.seen",
    {},
    part("Shown first", plural(one.record.initial.length, "frame"), pictures(one, one.record.initial.map(plain), "initial")),
    visible.map((outcome) => part("In view", named(outcome), pictures(one, outcome.views, "visible", hue(outcome.number)))),
    forgotten.map((outcome) => part("Forgotten", named(outcome), pictures(one, outcome.views, "forgotten", hue(outcome.number)))),
  );
}

// What the calls of unit `at` brought.
function brought(one, at) {
  const { asked } = evidence(one, at);
  return asked && part("Brought", `outcome ${asked.number}, for the next unit`, pictures(one, asked.views, "asked", hue(asked.number)));
}
