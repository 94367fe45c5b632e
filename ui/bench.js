const KEYS = [["1", "normal"], ["2", "anomalous"], ["3 – 9", "defect type, of the box that is chosen"], ["B", "a box in the middle; or drag on the picture"],
  ["P", "brush: paint a mask; P again, or Escape, for boxes"], ["E", "eraser, of the mask that is chosen"], ["[ ]", "a smaller, a larger brush"], ["G", "the mask that segmentation has of the chosen box, or its next one"],
  ["arrows", "move the chosen box; with Shift, its far corner"], ["N", "choose the next box or mask"], ["T", "in a trace: take the boxes that stand"], ["Delete", "remove the chosen box"],
  ["Enter", "save, and show the next part"], ["U", "undo: a change, or the last review that was saved"], ["S", "unsure: put it aside, it comes last"],
  ["R", "a good part beside it"], ["K", "blink between the two"], ["V", "the next view of a part with several"], ["M", "heat-map"], ["D", "difference from the good part"], ["F", "every pixel of the file"],
  ["+ − 0", "zoom; Shift and drag moves the picture"], ["W", "write a reason; Escape leaves it"], ["C", "write a comment on the part; Ctrl+Enter sends it"], ["Escape", "let go of box or type"], ["?", "this sheet"]];
const WORDS = { normal: "○ normal", anomalous: "◆ anomalous" };

// What must outlive a reload: by reviewer and store, each thing under its own name, since two tabs
// may be open. Where a browser keeps nothing, it isn't kept.
const memory = (place) => ({
  all(kind) {
    const start = `reinspect ${place} ${kind} `;
    try {
      const names = Object.keys(localStorage).filter((name) => name.startsWith(start));
      return names.map((name) => [name.slice(start.length), JSON.parse(localStorage.getItem(name))]);
    } catch { return []; }
  },
  set(kind, name, value) {
    try { localStorage.setItem(`reinspect ${place} ${kind} ${name}`, JSON.stringify(value)); } catch { /* full, or not allowed */ }
  },
  drop(kind, name) {
    try { localStorage.removeItem(`reinspect ${place} ${kind} ${name}`); } catch { /* not allowed */ }
  },
});
const token = () => [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
const empty = () => ({ label: null, boxes: [], type: null, why: "" });
const touched = (draft) => !!(draft && (draft.label || draft.boxes.length || draft.type || draft.why.trim()));

function begin(root, place) {
  const kept = memory(place), drafts = Object.fromEntries(kept.all("draft")), history = [], done = new Set(), keys = {};
  const outbox = kept.all("sent").map(([, [at, sent]]) => [at, sent]).sort(([one], [other]) => one - other).map(([, sent]) => sent);
  let data = { items: [], left: 0 }, say = () => {}, queue = null, item = null, draft = empty(), undo = [], chosen = -1, view = 0, picture = null, asked = false;
  const unsent = {};  // comments that were begun, by item
  let tool = "box", brush = 0.02, paint = null, working = null;

  const note = make("p", { className: "note", role: "status" });
  const board = make("div", { className: "viewer" });
  const group = (name, label) => { const made = make("div", { className: name, role: "group" }); made.ariaLabel = label; return made; };
  const verdicts = group("verdicts", "Verdict"), types = group("types", "Defect type");
  const list = make("ul", { className: "list" });
  const why = make("textarea", { rows: 2, placeholder: "What decided it?" });
  const remark = make("textarea", { rows: 1, maxLength: 10000, placeholder: "For colleagues; Ctrl+Enter sends it" });
  const clash = make("p", { className: "clash", role: "alert" });
  const count = make("p", { className: "left" });
  const other = make("input", { placeholder: "another type", maxLength: 200 });
  const sheet = make("dialog", { className: "sheet", ariaLabel: "Keys" }, make("table", {}, ...KEYS.map(([key, what]) =>
    make("tr", {}, make("th", { scope: "row" }, make("kbd", { textContent: key })), make("td", { textContent: what })))));
  sheet.append(button("Close", "Close the sheet", () => sheet.close()));
  const labelled = (text, key, act) => { const made = button(text, text, act); made.append(make("kbd", { textContent: key })); return made; };
  const stood = labelled("Take the boxes that stand", "T", () => adopt());
  const width = make("input", { type: "range", min: 0.4, max: 15, step: 0.2, value: 100 * brush, ariaLabel: "Width of the brush, percent" });
  const tools = group("tools", "Draw with");
  const panel = make("div", { className: "panel" }, verdicts, types, tools, list, make("label", { className: "why" }, "Reason", make("kbd", { textContent: "W" }), why), make("label", { className: "why" }, "Comment", make("kbd", { textContent: "C" }), remark), clash,
    make("div", { className: "acts" }, labelled("Save", "⏎", () => save()), labelled("Unsure", "S", () => aside()), labelled("Undo", "U", () => back()),
      labelled("Keys", "?", () => sheet.showModal())), note, stood, count);
  const desk = make("div", { className: "desk whole" }, board, panel);
  root.replaceChildren(desk, sheet);
  // A click leaves the focus where it is, so that keys go on working.
  root.addEventListener("mousedown", (event) => { if (event.target.closest("button, label:not(.why), input[type=checkbox]")) event.preventDefault(); });

  const tell = (text, alarm) => { note.textContent = text; note.classList.toggle("alarm", !!alarm); };
  const keep = () => { if (item) draftOf(item.id, draft); };
  const draftOf = (id, made) => {
    if (touched(made)) { drafts[id] = made; kept.set("draft", id, made); } else { delete drafts[id]; kept.drop("draft", id); }
  };
  const post = (message) => { outbox.push(message); kept.set("sent", message.token, [Date.now(), message]); };
  const change = (act) => {
    if (!item) return false;
    undo.push(JSON.stringify(draft));
    act(draft);
    keep();
    repaint();
  };
  const anomalous = (to) => {
    if (to.label === "normal") tell("Set to anomalous: a box or a type means a defect.");
    to.label = "anomalous";
  };

  // What can't be saved, in a sentence; `all` asks for a verdict, too.
  const wrong = (all) => {
    if (draft.label === "normal" && draft.boxes.length)
      return `${draft.boxes.length === 1 ? "A box is" : `${draft.boxes.length} boxes are`} drawn, and the verdict is normal. A box means anomalous: press 2, or remove what is drawn (U, Delete).`;
    if (draft.label === "normal" && draft.type) return `The type ${draft.type} is chosen, and the verdict is normal: press 2, or Escape to let go of the type.`;
    if (draft.label === "anomalous" && draft.type && !draft.boxes.length) return `Where is it? Draw the box of ${draft.type}, or press Escape to let go of the type.`;
    return all && !draft.label ? "Choose a verdict first: 1 normal, 2 anomalous." : "";
  };

  const pick = (type) => change((to) => {
    anomalous(to);
    if (chosen >= 0) to.boxes[chosen].type = type; else to.type = type;
  });
  const add = (box) => { anomalous(draft); draft.boxes.push({ box, type: draft.type, view: item.views[view].name }); chosen = draft.boxes.length - 1; };
  const adopt = () => (item && item.boxes.length ? change((to) => { anomalous(to); to.boxes.push(...item.boxes.map((one) => ({ ...one }))); }) : false);
  const remove = (at) => change((to) => { to.boxes.splice(at, 1); chosen = Math.min(at, to.boxes.length - 1); });
  const painted = (at) => at >= 0 && !!draft.boxes[at].mask;
  const step = (right, down) => (event) => {
    if (chosen < 0) return down === 0 && leaving();
    if (painted(chosen)) { tell("Its box is that of its mask: P paints, E erases."); return; }
    const [x1, y1, x2, y2] = draft.boxes[chosen].box;
    if (event.shiftKey) return change((to) => { to.boxes[chosen].box = [x1, y1, Math.min(1, Math.max(x1 + 0.004, x2 + right)), Math.min(1, Math.max(y1 + 0.004, y2 + down))]; });
    const by = [Math.min(1 - x2, Math.max(-x1, right)), Math.min(1 - y2, Math.max(-y1, down))];
    return change((to) => { to.boxes[chosen].box = [x1 + by[0], y1 + by[1], x2 + by[0], y2 + by[1]]; });
  };
  // An arrow that would lead to another inspection asks once; the draft is kept either way.
  const leaving = () => {  // returns false where the key may pass
    if (queue !== "" || !touched(draft) || asked) return false;
    asked = true;
    tell("Not saved yet. Enter saves; the same key again leaves, and what you began is kept on this machine.", true);
    return true;
  };

  const here = (one) => one.view === item.views[view].name;
  const edits = draw("svg", { class: "boxes edit" }), ring = draw("ellipse", { class: "ring" }), over = draw("svg", { class: "boxes" });
  over.append(ring);
  const outline = () => {
    edits.replaceChildren();
    if (!item) return;
    paint?.show(draft.boxes.filter((one, at) => here(one) && one.mask && !(working && at === chosen)).map((one) => one.mask), working?.sheet);
    draft.boxes.forEach((one, at) => {
      if (!here(one)) return;
      const { box, type } = one;
      const [x1, y1, x2, y2] = box;
      edits.append(draw("rect", { ...rectangle(box), class: "halo" }), draw("rect", { ...rectangle(box), class: at === chosen ? "chosen" : "" }));
      if (at === chosen && !one.mask) for (const x of [x1, x2]) for (const y of [y1, y2])
        edits.append(draw("line", { class: "grip", x1: percent(x), x2: percent(x), y1: percent(y), y2: percent(y) }));
      edits.append(Object.assign(draw("text", { x: percent(x1), y: percent(y1) }), { textContent: type ? `${at + 1} ${type}` : at + 1 }));
    });
  };
  const use = (next) => { tool = tool === next ? "box" : next; ring.style.display = "none"; paintTools(); };
  const wider = (factor) => () => { brush = Math.min(0.15, Math.max(0.004, brush * factor)); width.value = 100 * brush; circle(); };
  const circle = (at) => {
    const longest = Math.max(picture.size[0], picture.size[1]), radius = brush * longest / 2;
    ring.setAttribute("rx", percent(radius / picture.size[0]));
    ring.setAttribute("ry", percent(radius / picture.size[1]));
    if (at) { ring.setAttribute("cx", percent(at[0])); ring.setAttribute("cy", percent(at[1])); ring.style.display = tool === "box" ? "none" : ""; }
  };
  width.oninput = () => { brush = width.value / 100; circle(); };
  // A stroke paints the mask that is chosen, else a new one; or erases, of what is chosen or lies there.
  const stroke = (event, at) => {
    const from = at(event), erase = tool === "erase", before = JSON.stringify(draft), was = draft.label;
    if (erase && !(painted(chosen) && here(draft.boxes[chosen])))
      chosen = draft.boxes.findLastIndex((one) => here(one) && one.mask && paint.holds(one.mask, from));
    else if (chosen >= 0 && !here(draft.boxes[chosen])) chosen = -1;
    if (erase && chosen < 0) { tell("There is no mask here to erase."); outline(); return { move() {}, end() {} }; }
    if (chosen < 0) add([...from, ...from]);
    else if (was === "normal") anomalous(draft);
    working = paint.stroke(draft.boxes[chosen].mask, brush, erase);
    working.to(from);
    outline();
    return {
      move(to) { working.to(to); circle(to); outline(); },
      end() {
        const made = working.end();
        working = null;
        if (made) Object.assign(draft.boxes[chosen], made);
        else { draft.boxes.splice(chosen, 1); chosen = -1; }
        if (JSON.stringify(draft) !== before) undo.push(before);
        keep();
        repaint();
      },
    };
  };
  // What segmentation has of the chosen box; else its next mask that isn't among the boxes yet.
  const common = ([a1, b1, a2, b2], [c1, d1, c2, d2]) => Math.max(0, Math.min(a2, c2) - Math.max(a1, c1)) * Math.max(0, Math.min(b2, d2) - Math.max(b1, d1));
  const area = ([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);
  const segmented = () => {
    if (!item) return false;
    const free = item.views[view].masks.filter(({ mask }) => !draft.boxes.some((one) => one.mask?.counts === mask.counts && here(one)));
    const bare = chosen >= 0 && !painted(chosen) && here(draft.boxes[chosen]) ? draft.boxes[chosen] : null;
    const share = (one) => { const both = common(one.box, bare.box); return both / (area(one.box) + area(bare.box) - both); };
    const found = bare ? free.filter((one) => share(one) > 0).sort((one, other) => share(other) - share(one))[0] : free[0];
    if (!found) { tell(item.views[view].masks.length ? "Segmentation has no other mask here: P paints one." : "Nothing was segmented in this picture: P paints a mask."); return; }
    const made = paint.stroke(found.mask, brush).end();  // its box is that of the mask, as it is painted
    return change((to) => {
      if (bare) { anomalous(to); Object.assign(to.boxes[chosen], made); } else { add(made.box); to.boxes[chosen].mask = made.mask; }
    });
  };
  // What the pointer takes hold of: a corner or an edge of the chosen box, a box, or bare picture.
  const grip = (event, at) => {
    if (tool !== "box") return stroke(event, at);
    const edge = picture.scene.getBoundingClientRect(), near = [10 / edge.width, 10 / edge.height], from = at(event), before = JSON.stringify(draft);
    const inside = (one, [x1, y1, x2, y2] = one.box) => here(one) && from[0] > x1 && from[0] < x2 && from[1] > y1 && from[1] < y2;
    const edges = chosen < 0 || painted(chosen) || !here(draft.boxes[chosen]) ? [] : [0, 1, 2, 3].filter((side) => {
      const box = draft.boxes[chosen].box, across = 1 - side % 2;
      return Math.abs(from[side % 2] - box[side]) < near[side % 2] && from[across] > box[across] - near[across] && from[across] < box[across + 2] + near[across];
    });
    const hit = edges.length ? chosen : draft.boxes.map((one, place) => [one, place]).filter(([one]) => inside(one)).map(([, place]) => place).pop() ?? -1;
    const start = hit < 0 ? null : [...draft.boxes[hit].box];
    chosen = hit;
    outline();
    let moved = false;
    return {
      move(to) {
        if (!moved && Math.hypot((to[0] - from[0]) * edge.width, (to[1] - from[1]) * edge.height) < 4) return;
        if (painted(hit)) return;
        if (!moved && hit < 0) add([...from, ...from]);
        moved = true;
        if (hit < 0) draft.boxes[chosen].box = [0, 1].map((i) => Math.min(from[i], to[i])).concat([0, 1].map((i) => Math.max(from[i], to[i])));
        else if (edges.length) {
          const box = [...start];
          for (const side of edges) box[side] = to[side % 2];
          draft.boxes[chosen].box = [0, 1].map((i) => Math.min(box[i], box[i + 2])).concat([0, 1].map((i) => Math.max(box[i], box[i + 2])));
        } else {
          const by = [0, 1].map((i) => Math.min(1 - start[i + 2], Math.max(-start[i], to[i] - from[i])));
          draft.boxes[chosen].box = start.map((corner, i) => corner + by[i % 2]);
        }
        outline();
      },
      end() {
        if (moved) {
          const [x1, y1, x2, y2] = draft.boxes[chosen].box;
          if (x2 - x1 < 0.003 || y2 - y1 < 0.003) { draft = JSON.parse(before); chosen = -1; } else undo.push(before);
        }
        keep();
        repaint();
      },
    };
  };

  const choose = (at) => {
    chosen = at;
    const there = at < 0 ? view : item.views.findIndex((one) => one.name === draft.boxes[at].view);
    if (there !== view && there >= 0) look(there); else repaint();
  };
  // Numbers of types stay as they are while a part is judged; what is new comes last.
  const named = () => [...new Set([...(item ? item.types : []), ...draft.boxes.map((one) => one.type), draft.type].filter(Boolean))];
  const paintTools = () => {
    const made = [["box", "Box", "B"], ["brush", "Brush", "P"], ["erase", "Eraser", "E"]].map(([name, words, key]) => {
      const one = labelled(words, key, () => { if (name === "box") { tool = "brush"; use("brush"); } else use(name); });
      one.ariaPressed = String(tool === name);
      return one;
    });
    const taken = labelled("Segmented", "G", segmented);
    taken.title = "The mask that segmentation has of the chosen box, or its next one: G";
    taken.hidden = !item || !item.views.some((one) => one.masks.length);
    width.hidden = tool === "box";
    tools.replaceChildren(...made, taken, width);
    board.dataset.tool = tool;
  };
  const repaint = () => {
    const within = root.getRootNode(), focused = within.activeElement && root.contains(within.activeElement) && within.activeElement.ariaLabel;
    const current = chosen >= 0 ? draft.boxes[chosen].type : draft.type;
    verdicts.replaceChildren(...Object.keys(WORDS).map((label, at) => {
      const made = labelled(WORDS[label], at + 1, () => change((to) => { to.label = label; }));
      made.ariaPressed = String(draft.label === label);
      made.classList.add(label);
      return made;
    }));
    const known = named();
    types.replaceChildren(...known.map((type, at) => {
      const made = at < 7 ? labelled(type, at + 3, () => pick(type)) : button(type, type, () => pick(type));
      made.ariaPressed = String(type === current);
      return made;
    }), other);
    other.ariaLabel = chosen < 0 ? "Another defect type" : `Another type for box ${chosen + 1}`;
    list.replaceChildren(...draft.boxes.map((one, at) => make("li", { className: `${at === chosen ? "chosen" : ""} ${one.mask ? "masked" : ""}` },
      button([at + 1, one.type || "no type", one.mask ? "· mask" : "", one.view].filter(Boolean).join(" "), `Choose box ${at + 1}`, () => choose(at)),
      ...(one.mask ? [] : ["left", "top", "right", "bottom"]).map((side, edge) => {
        const number = make("input", { type: "number", min: 0, max: 100, step: 0.5, value: (100 * one.box[edge]).toFixed(1), ariaLabel: `Box ${at + 1}, ${side}, percent` });
        number.onchange = () => {
          const box = [...one.box];
          box[edge] = Math.min(1, Math.max(0, number.value / 100));
          if (box[0] < box[2] && box[1] < box[3]) change((to) => { to.boxes[at].box = box; }); else repaint();
        };
        return number;
      }),
      button("✕", `Remove ${one.mask ? "mask" : "box"} ${at + 1}`, () => remove(at)))));
    paintTools();
    if (why.value !== draft.why) why.value = draft.why;
    const begun = (item && unsent[item.id]) || "";
    if (remark.value !== begun) remark.value = begun;
    clash.textContent = wrong(false);
    const waiting = Math.max(0, data.left - new Set(outbox.filter((one) => one.kind !== "comment").map((one) => one.id)).size);
    count.textContent = queue === "" ? "" : `${waiting.toLocaleString()} waiting`;
    desk.classList.toggle("idle", !item);
    desk.dataset.item = item ? item.id : "";
    stood.hidden = !item || !item.boxes.length;
    outline();
    if (focused && within.activeElement?.ariaLabel !== focused) [...root.querySelectorAll("[aria-label]")].find((one) => one.ariaLabel === focused)?.focus();
  };
  why.oninput = () => { draft.why = why.value; keep(); };
  why.onkeydown = other.onkeydown = (event) => {
    if (event.key === "Escape") event.target.blur();
    else if (event.key === "Enter" && event.target === other) { const type = other.value.trim(); other.value = ""; other.blur(); if (type) pick(type); }
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.target.blur(); save(); } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  remark.oninput = () => { if (item) unsent[item.id] = remark.value; };
  remark.onkeydown = (event) => {
    if (event.key === "Escape") remark.blur();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { if (comment()) remark.blur(); } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const comment = () => {
    const said = remark.value.trim();
    if (!item || !said) return false;
    remark.value = "";
    delete unsent[item.id];
    post({ token: token(), id: item.id, kind: "comment", why: said });
    send();
    return true;
  };

  // Draws a view of the part in hand.
  const look = (at) => {
    view = at;
    for (const name of Object.keys(keys)) delete keys[name];
    picture = evidence(board, item.views[view].scene, () => say("full", [item.id, view]));
    if (item.views.length > 1) board.prepend(sides(item.views.map((one) => one.name), view, (side) => { chosen = -1; look(side); }));
    picture.size = [item.views[view].scene.width, item.views[view].scene.height];
    paint = paintOver(item.views[view].scene);
    picture.scene.append(paint.paper, edits, over);
    picture.scene.parentElement.addEventListener("pointermove", (event) => {
      const edge = picture.scene.getBoundingClientRect();
      circle([(event.clientX - edge.left) / edge.width, (event.clientY - edge.top) / edge.height]);
    });
    picture.scene.parentElement.addEventListener("pointerleave", () => { ring.style.display = "none"; });
    picture.grip = grip;
    Object.assign(keys, picture.keys, own);
    repaint();
  };
  const send = () => say("outbox", outbox);
  const show = (next, restored) => {
    item = next;
    undo = [];
    chosen = -1;
    asked = false;
    draft = item && (restored || drafts[item.id]) || empty();
    if (item) {
      if (!restored && touched(draft)) tell("What you had not saved is here again.");
      if (restored) keep();
      look(0);
    } else {
      for (const name of Object.keys(keys)) delete keys[name];
      board.replaceChildren(make("p", { className: "nothing", textContent: outbox.length ? "Saving …" : queue === "" ? "Saved. U takes it back." : "Nothing waits for a review here." }));
      Object.assign(keys, { u: back, "?": own["?"] });
      repaint();
    }
    for (const one of data.items) for (const { scene } of one.views) if (scene.photo) new Image().src = scene.photo;  // decoded before it is its turn
  };
  const next = () => data.items.find((one) => !done.has(one.id) && !outbox.some((sent) => sent.kind !== "comment" && sent.id === one.id));
  const pass = (message) => {
    history.push({ item, draft, token: message.kind === "save" ? message.token : null });
    if (history.length > 30) history.shift();
    post(message);
    if (message.kind === "save" && queue === "") done.add(item.id);
    draftOf(item.id, message.kind === "aside" ? draft : null);
    item = null;
    send();
    show(next());
  };
  const save = () => {
    if (!item) return false;
    comment();  // one that was written and not sent goes with the review
    const problem = wrong(true);
    if (problem) { clash.textContent = problem; return; }
    const masks = draft.boxes.filter((one) => one.mask).length, bare = draft.boxes.length - masks;
    const counted = [bare ? `${bare} ${bare === 1 ? "box" : "boxes"}` : "", masks ? `${masks} ${masks === 1 ? "mask" : "masks"}` : ""];
    tell(`Saved: ${[draft.label, ...counted].filter(Boolean).join(", ")}.`);
    pass({ token: token(), id: item.id, kind: "save", label: draft.label, boxes: draft.boxes, why: draft.why });
  };
  const aside = () => {
    if (!item || queue === "") return false;
    tell("Put aside: it comes last.");
    pass({ token: token(), id: item.id, kind: "aside" });
  };
  const back = () => {
    if (undo.length) { draft = JSON.parse(undo.pop()); chosen = Math.min(chosen, draft.boxes.length - 1); keep(); repaint(); return; }
    const last = history.pop();
    if (!last) { tell("Nothing to undo."); return; }
    if (last.token) post({ token: token(), id: last.item.id, kind: "undo", undoes: last.token });
    done.delete(last.item.id);
    show(last.item, last.draft);
    tell(last.token ? "Taken back: judge it again." : "");
    if (last.token) send();
  };
  const own = {
    1: () => change((to) => { to.label = "normal"; }), 2: () => change((to) => { to.label = "anomalous"; }),
    b: () => { tool = "box"; return change(() => add([0.4, 0.4, 0.6, 0.6])); },
    p: () => use("brush"), e: () => use("erase"), g: segmented, "[": wider(1 / 1.25), "]": wider(1.25), n: () => { if (!draft.boxes.length) return false; choose((chosen + 1) % draft.boxes.length); },
    v: () => { if (item.views.length < 2) return false; chosen = -1; look((view + 1) % item.views.length); },
    u: back, s: aside, t: adopt, w: () => { why.focus(); }, c: () => { remark.focus(); }, Enter: save, "?": () => { if (sheet.open) sheet.close(); else sheet.showModal(); },
    Delete: () => (chosen < 0 ? false : remove(chosen)), Backspace: () => (chosen < 0 ? false : remove(chosen)),
    Escape: () => { if (sheet.open) return false; if (chosen >= 0) { chosen = -1; repaint(); } else if (tool !== "box") use(tool); else if (draft.type) change((to) => { to.type = null; }); else return picture?.keys.Escape?.() ?? false; },
    ArrowLeft: step(-0.005, 0), ArrowRight: step(0.005, 0), ArrowUp: step(0, -0.005), ArrowDown: step(0, 0.005),
  };
  for (const digit of "3456789") own[digit] = () => { const type = named()[digit - 3]; return type ? pick(type) : false; };

  return {
    keys,
    unsaved: () => outbox.length > 0 || touched(draft),
    take(given, setStateValue) {
      const first = queue === null;
      data = given;
      say = setStateValue;
      for (const [name, answer] of Object.entries(given.answers)) {
        const at = outbox.findIndex((one) => one.token === name);
        if (at < 0) continue;
        const [sent] = outbox.splice(at, 1);
        kept.drop("sent", name);
        if (answer.said && sent.kind !== "aside") tell(answer.said, !answer.ok || answer.said.startsWith("Conflict"));
        if (!answer.ok && sent.kind === "save") draftOf(sent.id, { ...empty(), label: sent.label, boxes: sent.boxes, why: sent.why });
      }
      if (given.fault) tell(`Not saved yet: ${given.fault}. It is kept on this machine, and sent again with the next review.`, true);
      if (given.queue !== queue) { queue = given.queue; item = null; desk.classList.toggle("narrow", queue === ""); }
      keep();
      if (!item) show(next()); else repaint();
      if (given.sharp && item && item.id === given.sharp.id && view === given.sharp.view && given.sharp.src) picture.sharpen(given.sharp.src);
      const begun = Object.keys(drafts).map(Number).filter((id) => !given.items.some((one) => one.id === id));
      if (first && begun.length) say("begun", begun);
      if (first && outbox.length) send();
    },
  };
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".bench");
  const bench = root.bench ??= begin(root, data.place);
  bench.take(data, setStateValue);
  const silent = listen(root, bench.keys);
  const ask = (event) => { if (bench.unsaved()) event.preventDefault(); };
  window.addEventListener("beforeunload", ask);
  return () => { silent(); window.removeEventListener("beforeunload", ask); };
}
