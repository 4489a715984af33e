// Explanations side by side are zoomed and moved together.
const zoomTogether = () => {
  let view = {scale: 1, x: 0, y: 0}, held = null;
  const zoomed = () => {
    const shown = document.querySelectorAll("#explain-grid img");
    shown.forEach((image) => {
      view.x = Math.min(0, Math.max(view.x, image.clientWidth * (1 - view.scale)));
      view.y = Math.min(0, Math.max(view.y, image.clientHeight * (1 - view.scale)));
    });
    shown.forEach((image) => { image.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`; });
  };
  const zoom = (factor, x, y) => {
    const before = view.scale;
    view.scale = Math.max(1, Math.min(before * factor, 12));
    view.x = x - (x - view.x) * view.scale / before;
    view.y = y - (y - view.y) * view.scale / before;
    zoomed();
  };
  document.addEventListener("wheel", (event) => {
    const image = event.target.closest && event.target.closest("#explain-grid img");
    if (!image) return;
    event.preventDefault();
    const box = image.parentElement.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX - box.left, event.clientY - box.top);
  }, {passive: false});
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest && event.target.closest("#explain-grid img") && view.scale > 1) {
      event.preventDefault();
      held = {x: event.clientX - view.x, y: event.clientY - view.y};
    }
  });
  document.addEventListener("pointermove", (event) => {
    if (held) { view.x = event.clientX - held.x; view.y = event.clientY - held.y; zoomed(); }
  });
  document.addEventListener("pointerup", () => { held = null; });
  document.addEventListener("keydown", (event) => {
    const image = document.querySelector("#explain-grid img");
    if (!image || !image.offsetParent || typing(event.target) || event.ctrlKey || event.metaKey) return;
    if (event.key === "0") { view = {scale: 1, x: 0, y: 0}; zoomed(); }
    if (event.key === "+" || event.key === "-")
      zoom(event.key === "+" ? 1.25 : 0.8, image.clientWidth / 2, image.clientHeight / 2);
  });
};
