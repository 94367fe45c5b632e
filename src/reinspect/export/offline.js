// A part in a page without a server: `views` is its views, each with a scene, and with every pixel
// of its picture where the page has that; `first` is the one to begin with. Returns what takes its keys away again.
function present(place, views, first = 0) {
  const root = place.querySelector(".viewer");
  let leave = () => {};
  const look = (at) => {
    const { scene, whole } = views[at], held = root.querySelector(".sides:focus-within");
    leave();
    leave = viewer({ data: scene, parentElement: place, setStateValue: () => root.shown.sharpen(whole) });
    if (views.length === 1) return;
    root.prepend(sides(views.map((one) => one.name), at, look));
    root.shown.keys.v = () => look((at + 1) % views.length);
    if (held) root.querySelectorAll(".sides button")[at].focus();
  };
  look(first);
  return () => leave();
}
