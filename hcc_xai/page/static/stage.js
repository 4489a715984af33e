// The two pictures on the stage: one key hides the overlay, the handle between them answers to arrow keys.
const stage = () => {
  // One finger scrolls the page, also where it lies on the picture; two zoom, one moves what is zoomed.
  document.addEventListener("touchstart", (event) => {
    const image = event.target.closest && event.target.closest("#stage .content");
    if (!image || event.touches.length > 1) return;
    if (/scale\(1\)/.test(image.querySelector("img").style.transform)) event.stopPropagation();
  }, true);

  // A tap of O toggles, holding it shows what lies underneath until it is let go.
  let pressed = 0;
  const peeking = () => document.body.classList.contains("peek");
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "o" || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) return;
    pressed = peeking() ? 0 : Date.now();
    document.body.classList.toggle("peek");
  });
  document.addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "o" && pressed && Date.now() - pressed > 300) document.body.classList.remove("peek");
  });
};

const slide = (handle, share) => {
  const images = document.querySelectorAll("#stage .slider-wrap img");
  if (!images.length) return;
  const box = images[0].parentElement.getBoundingClientRect();
  const ratio = images[0].naturalWidth / images[0].naturalHeight;
  const width = Math.min(box.width, box.height * ratio);
  const x = box.left + (box.width - width) / 2 + width * share;
  const fire = (kind, target) => target.dispatchEvent(
    new MouseEvent(kind, {clientX: x, clientY: box.top + 5, bubbles: true, view: window, button: 0}));
  fire("mousedown", handle); fire("mouseup", window);
  handle.setAttribute("aria-valuenow", Math.round(share * 100));
};

const dressHandle = (handle, word) => {
  if (handle.tabIndex !== 0) {
    handle.tabIndex = 0;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-valuemin", 0); handle.setAttribute("aria-valuemax", 100);
    handle.setAttribute("aria-valuenow", 0);
    handle.addEventListener("keydown", (event) => {
      const now = Number(handle.getAttribute("aria-valuenow"));
      const next = {ArrowLeft: now - 5, ArrowRight: now + 5, Home: 0, End: 100}[event.key];
      if (next === undefined) return;
      event.preventDefault();
      slide(handle, Math.max(0, Math.min(100, next)) / 100);
    });
  }
  handle.setAttribute("aria-label", word("stage"));
};
