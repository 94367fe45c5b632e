// Pictures of a part under one zoom: the part with its layers, a good part beside it. Text is text.
const make = (tag, props = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
};
const draw = (tag, attributes) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};
const percent = (share) => `${100 * share}%`;
const button = (text, label, act) => make("button", { type: "button", textContent: text, ariaLabel: label, title: label, onclick: act });
const rectangle = ([x1, y1, x2, y2]) => ({ x: percent(x1), y: percent(y1), width: percent(x2 - x1), height: percent(y2 - y1) });

// A button for each view of a part with several.
const sides = (names, shown, look) => make("div", { className: "sides", role: "group", ariaLabel: "View" }, ...names.map((name, at) => {
  const made = button(name, `View ${name}`, () => look(at));
  made.ariaPressed = String(at === shown);
  return made;
}), make("kbd", { textContent: "V" }));

// Keys of the page while nothing is typed; what has the focus elsewhere keeps Enter, Space, arrows.
function listen(root, keys) {
  const act = (event) => {
    const target = event.composedPath()[0], inside = target === document.body || root.contains(target);
    if (event.ctrlKey || event.altKey || event.metaKey || !target.matches) return;
    if (target.matches("textarea, select, input:not([type=checkbox], [type=range], [type=radio]), [contenteditable]")) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const idle = name === "Enter" && target.matches("input, [role=slider]");  // to which it means nothing
    if (!inside && (name.length > 1 || name === " ") && !idle) return;
    if (name === "Enter" && target.matches("button, summary, a") || name.startsWith("Arrow") && target.matches("input")) return;
    if (root.querySelector("dialog[open]") && name !== "?") return;
    if (!Object.hasOwn(keys, name) || keys[name](event) === false) return;
    event.preventDefault();
    event.stopImmediatePropagation();  // or Streamlit takes R for "run again"
  };
  window.addEventListener("keydown", act, true);
  return () => window.removeEventListener("keydown", act, true);
}

// Draws `data` into `root`. Returns what a page may add to: { scene, keys, grip, sharpen, toggle }.
let pairs = false;  // whether the good part is shown beside: of the next part, too
function evidence(root, data, ask) {
  const shape = data.width / data.height, self = { grip: null, keys: {} };
  // Two pictures need the whole window: the nearest `.whole` is laid over the page.
  const enlarge = (on) => {
    const whole = root.closest(".whole");
    if (whole.classList.toggle("large", on)) { whole.popover = "manual"; whole.showPopover?.(); } else whole.popover = null;
  };
  const bar = make("div", { className: "bar", role: "toolbar", ariaLabel: "Picture" });
  const frames = make("div", { className: `frames ${shape > 1.7 ? "wide" : ""}` });
  root.replaceChildren(bar, frames);

  // One zoom for all frames: scenes are scaled about their top left corner and moved, in shares.
  let scale = 1, x = 0, y = 0;
  const scenes = [];
  const place = () => {
    x = Math.min(0, Math.max(x, 1 - scale));
    y = Math.min(0, Math.max(y, 1 - scale));
    for (const scene of scenes) {
      scene.style.transform = `translate(${percent(x)}, ${percent(y)}) scale(${scale})`;
      scene.style.setProperty("--scale", scale);
    }
  };
  const zoom = (factor, cx = 0.5, cy = 0.5) => {
    const next = Math.min(16, Math.max(1, scale * factor));
    x = cx - (cx - x) * next / scale;
    y = cy - (cy - y) * next / scale;
    scale = next;
    place();
    if (scale > 2 && data.more) sharpest();
  };
  const all = () => { scale = 1; x = y = 0; place(); };
  const move = (right, down) => () => { if (scale === 1) return false; x += right; y += down; place(); };

  const frame = (words) => {
    const scene = make("div", { className: "scene" });
    const stage = make("div", { className: "stage", tabIndex: 0, role: "group" }, scene);
    stage.ariaLabel = `${words}. Plus and minus zoom, arrows move, 0 shows all.`;
    stage.style.setProperty("--shape", shape);
    scene.style.aspectRatio = `${data.width} / ${data.height}`;
    scenes.push(scene);
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.altKey && scale === 1 && event.deltaY > 0) return;
      event.preventDefault();
      const edge = stage.getBoundingClientRect();
      zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, (event.clientX - edge.left) / edge.width, (event.clientY - edge.top) / edge.height);
    }, { passive: false });
    stage.onpointerdown = (event) => {
      const edge = scene.getBoundingClientRect(), own = stage.getBoundingClientRect();
      const at = ({ clientX, clientY }) => [(clientX - edge.left) / edge.width, (clientY - edge.top) / edge.height]
        .map((share) => Math.min(1, Math.max(0, share)));
      const held = !event.shiftKey && event.button === 0 && scene === self.scene && self.grip && self.grip(event, at);
      if (!held && event.button > 1) return;
      stage.setPointerCapture(event.pointerId);
      const start = [event.clientX / own.width - x, event.clientY / own.height - y];
      stage.onpointermove = (moved) => {
        if (held) { held.move(at(moved)); return; }
        x = moved.clientX / own.width - start[0];
        y = moved.clientY / own.height - start[1];
        place();
      };
      stage.onpointerup = stage.onpointercancel = () => {
        stage.onpointermove = stage.onpointerup = stage.onpointercancel = null;
        if (held) held.end();
      };
    };
    stage.onkeydown = (event) => {
      const act = { "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: all, ArrowLeft: move(0.1, 0),
        ArrowRight: move(-0.1, 0), ArrowUp: move(0, 0.1), ArrowDown: move(0, -0.1) }[event.key];
      if (!act || event.ctrlKey || event.altKey || event.metaKey || act() === false) return;
      event.preventDefault();
      event.stopPropagation();
    };
    frames.append(stage);
    return scene;
  };

  // A click leaves the focus where it is, so that keys go on working.
  bar.onmousedown = (event) => { if (event.target.closest("button, label") && event.target.type !== "range") event.preventDefault(); };
  bar.onclick = (event) => {  // the words of a box would take the focus at the click
    const box = event.detail ? event.target.closest("label")?.querySelector("[type=checkbox]") : null;
    if (!box || event.target === box) return;
    event.preventDefault();
    box.click();
  };
  const scene = self.scene = frame(data.alt);
  const photo = make("img", { src: data.photo || "", alt: data.alt, draggable: false });
  if (data.photo) scene.append(photo);
  if (data.missing) root.append(make("p", { className: "missing", role: "alert", textContent: data.missing }));
  const switches = {};
  for (const layer of data.layers) {
    const shown = layer.boxes ? draw("svg", { class: `boxes ${layer.style}` })
      : make("img", { className: "over", src: layer.src || "", alt: layer.name, draggable: false });
    for (const { box, type } of layer.boxes || []) {
      const rect = draw("rect", rectangle(box));
      if (type) rect.append(Object.assign(draw("title", {}), { textContent: type }));
      shown.append(draw("rect", { ...rectangle(box), class: "halo" }), rect);
    }
    const box = make("input", { type: "checkbox", checked: layer.on, disabled: !!layer.missing });
    const swap = () => { shown.style.display = box.checked ? "" : "none"; };
    box.onchange = swap;
    swap();
    if (!layer.missing) scene.append(shown);
    bar.append(make("label", { className: layer.style || layer.paint || "" }, box, ` ${layer.name}`, layer.key ? make("kbd", { textContent: layer.key }) : ""));
    switches[layer.key || layer.name] = () => { if (layer.missing) return false; box.checked = !box.checked; swap(); };
  }
  if (data.layers.some((layer) => layer.src)) {
    const slider = make("input", { type: "range", min: 10, max: 100, value: 100 });
    slider.onpointerup = () => slider.blur();
    slider.oninput = () => frames.style.setProperty("--over", slider.value / 100);
    bar.append(make("label", {}, "Opacity ", slider));
  }
  // What one step saw, in place of the layers, until it is clicked away.
  const lens = make("span", { role: "status" });
  let stepped = null;
  bar.append(lens);
  self.see = (at) => {
    const step = (data.steps || {})[at];
    scene.querySelectorAll(".lens").forEach((one) => one.remove());
    lens.replaceChildren();
    stepped = step && stepped !== at ? at : null;
    scene.classList.toggle("lensed", stepped !== null);
    if (stepped === null) return;
    if (step.src) scene.append(make("img", { className: "over lens", src: step.src, alt: `What ${step.name} saw`, draggable: false }));
    const shown = draw("svg", { class: "boxes place lens" });
    for (const { box } of step.boxes) shown.append(draw("rect", { ...rectangle(box), class: "halo" }), draw("rect", rectangle(box)));
    scene.append(shown);
    lens.append(button(`${step.name} ✕`, `Leave what ${step.name} saw`, () => self.see(at)));
    frames.scrollIntoView({ block: "nearest" });
  };
  const end = make("span", { className: "end" });

  // The good part: beside the part, or in its place and back again.
  if (data.reference) {
    const { src, words } = data.reference;
    let beside = null, blinking = null;
    const over = make("img", { src, alt: words, className: "good", draggable: false });
    over.style.display = "none";
    photo.after(over);
    const swap = () => {
      if (beside) { scenes.pop(); beside.parentElement.remove(); beside = null; } else {
        beside = frame(words);
        beside.append(make("img", { src, alt: words, draggable: false }));
        beside.parentElement.append(make("span", { className: "tag", textContent: words }));
        place();
      }
      pairs = !!beside;
      frames.classList.toggle("pair", pairs);
      both.ariaPressed = String(pairs);
      enlarge(pairs);
    };
    const blink = () => {
      if (blinking) { clearInterval(blinking); blinking = null; over.style.display = "none"; } else {
        const turn = () => { if (!over.isConnected) clearInterval(blinking); over.style.display = over.style.display ? "" : "none"; };
        turn();
        blinking = setInterval(turn, 700);
      }
      wink.ariaPressed = String(!!blinking);
    };
    const both = button("Reference", "A good part beside it: R", swap), wink = button("Blink", "The part and the good part by turns: K", blink);
    both.ariaPressed = wink.ariaPressed = "false";
    both.append(make("kbd", { textContent: "R" }));
    wink.append(make("kbd", { textContent: "K" }));
    end.append(both, wink);
    self.keys.Escape = () => (beside ? swap() : false);
    self.pair = swap;
    Object.assign(switches, { R: swap, K: blink });
  } else if (data.without) end.append(make("span", { className: "hint", textContent: data.without }));
  const sharpest = () => { if (!data.more || !ask) return false; data.more = false; ask(); };
  if (data.more && ask) end.append(button("Full size", "Every pixel of the file: F", sharpest));
  self.sharpen = (src) => { photo.src = src; };
  end.append(button("−", "Zoom out", () => zoom(1 / 1.5)), button("+", "Zoom in", () => zoom(1.5)), button("Fit", "Show all", all));
  bar.append(end);
  Object.assign(self.keys, { f: sharpest, "+": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: all });
  for (const [name, act] of Object.entries(switches)) if (name.length === 1) self.keys[name.toLowerCase()] = act;
  if (pairs && self.pair) self.pair(); else enlarge(false);
  return self;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".viewer");
  root.classList.add("whole");
  if (root.dataset.key !== data.key) {
    root.dataset.key = data.key;
    root.shown = evidence(root, data, () => setStateValue("full", data.key));
  }
  if (data.sharp) root.shown.sharpen(data.sharp);
  const step = (event) => {
    const chosen = event.composedPath().find((one) => one.dataset && one.dataset.step);
    if (chosen) root.shown.see(chosen.dataset.step);
  };
  document.addEventListener("click", step);
  const silent = listen(root, root.shown.keys);
  return () => { silent(); document.removeEventListener("click", step); };
}
