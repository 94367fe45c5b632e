// A picture with layers, zoom and, where data.edit is set, boxes to draw. Text is always text.
export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".viewer");
  if (root.dataset.key === data.key) return;
  root.dataset.key = data.key;
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
  const bar = make("div", { className: "bar", role: "toolbar", ariaLabel: "Picture" });
  const scene = make("div", { className: "scene" });
  scene.style.aspectRatio = `${data.width} / ${data.height}`;
  const stage = make("div", { className: "stage", tabIndex: 0, role: "group" });
  stage.ariaLabel = `${data.alt}. Plus and minus zoom, arrows move, 0 shows all.`;
  stage.style.maxWidth = `calc(${data.edit ? 56 : 72}vh * ${data.width / data.height})`;
  stage.append(scene);
  root.replaceChildren(bar, stage);
  if (data.photo) scene.append(make("img", { src: data.photo, alt: data.alt, draggable: false }));
  if (data.missing) root.append(make("p", { className: "missing", role: "alert", textContent: data.missing }));

  // Zoom: the scene is scaled about its top left corner and moved.
  let scale = 1, x = 0, y = 0;
  const place = () => {
    const width = stage.clientWidth, height = scene.offsetHeight;
    x = Math.min(0, Math.max(x, width * (1 - scale)));
    y = Math.min(0, Math.max(y, height * (1 - scale)));
    scene.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  };
  const zoom = (factor, cx = stage.clientWidth / 2, cy = stage.clientHeight / 2) => {
    const next = Math.min(12, Math.max(1, scale * factor));
    x = cx - (cx - x) * next / scale;
    y = cy - (cy - y) * next / scale;
    scale = next;
    place();
  };
  const all = () => { scale = 1; x = y = 0; place(); };

  for (const layer of data.layers) {
    const shown = layer.boxes ? draw("svg", { class: `boxes ${layer.style}` })
      : make("img", { className: "over", src: layer.src || "", alt: layer.name });
    for (const { box: [x1, y1, x2, y2], type } of layer.boxes || []) {
      const size = { x: percent(x1), y: percent(y1), width: percent(x2 - x1), height: percent(y2 - y1) };
      const rect = draw("rect", size);
      if (type) rect.append(Object.assign(draw("title", {}), { textContent: type }));
      shown.append(draw("rect", { ...size, class: "halo" }), rect);
    }
    const box = make("input", { type: "checkbox", checked: layer.on, disabled: !!layer.missing });
    const swap = () => { shown.style.display = box.checked ? "" : "none"; };
    box.onchange = swap;
    swap();
    if (!layer.missing) scene.append(shown);
    bar.append(make("label", { className: layer.style || "" }, box, ` ${layer.name}`));
  }
  const button = (text, label, act) => make("button", { type: "button", textContent: text, ariaLabel: label, title: label, onclick: act });
  bar.append(make("span", { className: "end" }, button("−", "Zoom out", () => zoom(1 / 1.5)),
    button("+", "Zoom in", () => zoom(1.5)), button("Fit", "Show all", all)));
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.altKey && scale === 1 && event.deltaY > 0) return;
    event.preventDefault();
    const frame = stage.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX - frame.left, event.clientY - frame.top);
  }, { passive: false });

  // Boxes of a reviewer: drawn by mouse or by keyboard, each with its type.
  const boxes = data.edit ? data.edit.boxes.map((one) => ({ ...one, box: [...one.box] })) : [];
  const edits = draw("svg", { class: "boxes edit" });
  const list = make("ul", { className: "list" });
  const say = () => setStateValue("boxes", boxes.map(({ box, type }) => ({ box: [...box], type })));
  const paint = () => {
    edits.replaceChildren();
    boxes.forEach(({ box: [x1, y1, x2, y2] }, at) => {
      const size = { x: percent(x1), y: percent(y1), width: percent(x2 - x1), height: percent(y2 - y1) };
      edits.append(draw("rect", { ...size, class: "halo" }), draw("rect", size));
      edits.append(Object.assign(draw("text", { x: percent(x1), y: percent(y1), dx: 3, dy: 14 }), { textContent: at + 1 }));
    });
  };
  const tell = () => {
    list.replaceChildren(...boxes.map((one, at) => {
      const name = make("input", { value: one.type || "", placeholder: "defect type", ariaLabel: `Type of box ${at + 1}` });
      name.setAttribute("list", "types");
      name.onchange = () => { one.type = name.value.trim() || null; say(); };
      const sides = ["left", "top", "right", "bottom"].map((side, edge) => {
        const number = make("input", { type: "number", min: 0, max: 100, step: 0.5, value: (100 * one.box[edge]).toFixed(1), ariaLabel: `Box ${at + 1}, ${side}, percent` });
        number.onchange = () => {
          const moved = [...one.box];
          moved[edge] = Math.min(1, Math.max(0, number.value / 100));
          if (moved[0] < moved[2] && moved[1] < moved[3]) one.box = moved;
          paint(); tell(); say();
        };
        return number;
      });
      return make("li", {}, make("b", { textContent: `${at + 1}` }), name, ...sides,
        button("✕", `Remove box ${at + 1}`, () => { boxes.splice(at, 1); paint(); tell(); say(); }));
    }));
  };
  if (data.edit) {
    const types = make("datalist", { id: "types" }, ...data.edit.types.map((value) => make("option", { value })));
    const add = button("Add box", "Add a box in the middle, to be moved by its numbers", () => {
      boxes.push({ box: [0.4, 0.4, 0.6, 0.6], type: null });
      paint(); tell(); say();
    });
    scene.append(edits);
    root.append(make("div", { className: "hint", textContent: "Drag on the picture to draw a box. Positions are in percent: left, top, right, bottom." }), list, add, types);
    paint(); tell();
  }

  stage.onpointerdown = (event) => {
    if (event.button) return;
    stage.setPointerCapture(event.pointerId);
    const drawing = data.edit && !event.shiftKey;
    const frame = scene.getBoundingClientRect();
    const at = ({ clientX, clientY }) => [(clientX - frame.left) / frame.width, (clientY - frame.top) / frame.height]
      .map((share) => Math.min(1, Math.max(0, share)));
    const from = at(event), start = [event.clientX - x, event.clientY - y];
    if (drawing) boxes.push({ box: [...from, ...from], type: data.edit.types[0] || null });
    stage.onpointermove = (moved) => {
      if (!drawing) { x = moved.clientX - start[0]; y = moved.clientY - start[1]; place(); return; }
      const to = at(moved);
      boxes[boxes.length - 1].box = [0, 1].map((i) => Math.min(from[i], to[i])).concat([0, 1].map((i) => Math.max(from[i], to[i])));
      paint();
    };
    stage.onpointerup = stage.onpointercancel = () => {
      stage.onpointermove = stage.onpointerup = stage.onpointercancel = null;
      if (!drawing) return;
      const [x1, y1, x2, y2] = boxes[boxes.length - 1].box;
      if (x2 - x1 < 0.004 || y2 - y1 < 0.004) boxes.pop();
      paint(); tell(); say();
    };
  };
  const step = 40;
  const keys = { "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: all,
    ArrowLeft: () => { x += step; place(); }, ArrowRight: () => { x -= step; place(); },
    ArrowUp: () => { y += step; place(); }, ArrowDown: () => { y -= step; place(); } };
  stage.onkeydown = (event) => {
    if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key.startsWith("Arrow") && scale === 1) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  };
}
