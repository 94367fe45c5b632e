const items = Array.from(document.querySelectorAll("[data-image]"));
const buttons = Array.from(document.querySelectorAll("button[data-show]"));
const order = document.getElementById("order");
const search = document.getElementById("search");
const count = document.getElementById("count");
const urgent = new Map(items.map((item, place) => [item, place]));
const number = (item, key, none) => item.dataset[key] === "" ? none : Number(item.dataset[key]);
const orders = {
  urgent: (a, b) => urgent.get(a) - urgent.get(b),
  reliability: (a, b) => number(a, "reliability", -1) - number(b, "reliability", -1),
  divergence: (a, b) => number(b, "divergence", -9) - number(a, "divergence", -9),
  probability: (a, b) => number(b, "probability", 2) - number(a, "probability", 2),
  name: (a, b) => a.dataset.image.localeCompare(b.dataset.image, undefined, { numeric: true }),
};
let shown = "all";
function filter() {
  const words = search.value.trim().toLowerCase();
  const seen = new Set();
  for (const item of items) {
    const fits = shown === "all" || item.dataset.kinds.split(" ").includes(shown);
    item.hidden = !(fits && item.dataset.image.toLowerCase().includes(words));
    if (!item.hidden) seen.add(item.dataset.key);
  }
  count.textContent = `${seen.size} shown`;
}
function sort() {
  for (const list of document.querySelectorAll("[data-list]")) {
    const inside = items.filter((item) => item.parentElement === list);
    list.append(...inside.sort(orders[order.value]));
  }
}
for (const button of buttons) {
  button.addEventListener("click", () => {
    shown = button.dataset.show;
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    filter();
  });
}
const dialog = document.querySelector("dialog");
const enlarged = dialog.querySelector(".place");
let leave = () => {};
let card = null;
// A picture stands in the page once: what begins with # is the id of the one on the card.
const onCard = (src) => (src && src.startsWith("#") ? document.getElementById(src.slice(1)).src : src);
function enlarge(from, opens) {
  leave();
  card = from;
  const views = JSON.parse(card.querySelector("script").textContent);
  for (const { scene } of views) {
    scene.photo = onCard(scene.photo);
    for (const one of [...scene.layers, scene.reference]) if (one && one.src) one.src = onCard(one.src);
  }
  dialog.querySelector(".title").replaceChildren(...card.querySelector(".title").cloneNode(true).childNodes);
  const root = make("div", { className: "viewer" });
  enlarged.replaceChildren(root);
  if (!dialog.open) dialog.showModal();
  leave = present(enlarged, views, Number(opens) || 0);
  if (opens === "m" || opens === "r" && !pairs) root.shown.keys[opens]();
  root.querySelector(".stage").focus();
  for (const [name, step] of [["back", -1], ["next", 1]]) dialog.querySelector(`.${name}`).disabled = !beyond(step);
}
function beyond(step) {
  const every = Array.from(document.querySelectorAll(".card:not([hidden]):has(script)"));
  return every[every.indexOf(card) + step];
}
const turn = (step) => { const other = beyond(step); if (other) enlarge(other, ""); };
for (const frame of document.querySelectorAll(".card .frame")) {
  frame.addEventListener("click", () => enlarge(frame.closest(".card"), frame.dataset.opens));
}
dialog.querySelector(".back").addEventListener("click", () => turn(-1));
dialog.querySelector(".next").addEventListener("click", () => turn(1));
dialog.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step && !event.defaultPrevented && !event.target.matches("input")) turn(step);
});
dialog.addEventListener("close", () => { leave(); leave = () => {}; enlarged.replaceChildren(); });
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
order.addEventListener("change", sort);
search.addEventListener("input", filter);
document.querySelector(".controls").hidden = false;
filter();
