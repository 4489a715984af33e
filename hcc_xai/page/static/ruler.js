// A line of known length: two clicks on the picture, and its millimetres give those of a pixel.
const ruler = ({word}) => {
  let ends = [], length = 0;
  const parts = () => [$("#ruler"), $("#ruler-says")];
  const rub = () => { parts().forEach((node) => node && node.remove()); document.body.classList.remove("marking"); ends = []; };
  const say = (key, x, y) => {
    let node = $("#ruler-says");
    if (!node) {
      node = Object.assign(document.createElement("div"), {id: "ruler-says"});
      node.setAttribute("role", "status");
      document.body.append(node);
    }
    node.textContent = word(key);
    node.style.left = Math.max(4, Math.min(x + 14, innerWidth - 220)) + "px";
    node.style.top = Math.max(4, Math.min(y + 14, innerHeight - 40)) + "px";
  };
  const draw = (a, b) => {
    let svg = $("#ruler");
    if (!svg) {
      document.body.insertAdjacentHTML("beforeend", '<svg id="ruler"><line stroke="#000" stroke-width="4"/>' +
        '<line stroke="#fff" stroke-width="2"/></svg>');
      svg = $("#ruler");
    }
    for (const line of svg.children)
      for (const [name, value] of Object.entries({x1: a.x, y1: a.y, x2: b.x, y2: b.y})) line.setAttribute(name, value);
  };
  const place = (event) => {  // in the file's pixels
    const image = document.querySelector("#stage .slider-wrap img");
    if (!image || !image.naturalWidth) return null;
    const box = image.getBoundingClientRect();
    const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
    const col = (event.clientX - box.left - (box.width - image.naturalWidth * scale) / 2) / scale;
    const row = (event.clientY - box.top - (box.height - image.naturalHeight * scale) / 2) / scale;
    if (col < 0 || row < 0 || col > image.naturalWidth || row > image.naturalHeight) return null;
    return {row, col, x: event.clientX, y: event.clientY};
  };
  const known = () => {
    const typed = $("#length input, #length textarea"), target = $("#spacing input, #spacing textarea");
    const mm = parseFloat((typed ? typed.value : "").replace(",", "."));
    if (!length || !target) return;
    if (!(mm > 0)) { typed.focus(); return; }
    const value = (mm / length).toPrecision(4);
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(target), "value").set.call(target, value);
    target.dispatchEvent(new Event("input", {bubbles: true}));
    setTimeout(() => { target.focus(); target.blur(); rub(); }, 60);
  };
  document.addEventListener("click", (event) => {
    if (!(event.target.closest && event.target.closest("#mark"))) return;
    rub();
    const image = document.querySelector("#stage .slider-wrap img");
    if (!image) return;
    length = 0;
    document.body.classList.add("marking");
    image.scrollIntoView({block: "nearest"});
    const box = image.getBoundingClientRect();
    say("mark-start", box.left, box.top);
  });
  for (const kind of ["pointerdown", "mousedown", "touchstart", "click"])
    document.addEventListener(kind, (event) => {
      if (!document.body.classList.contains("marking") || !event.target.closest("#stage")) return;
      event.stopImmediatePropagation(); event.preventDefault();
      if (kind !== "pointerdown") return;
      const end = place(event);
      if (!end) return;
      ends.push(end);
      draw(ends[0], end);
      say(ends.length < 2 ? "mark-end" : "mark-length", end.x, end.y);
      if (ends.length < 2) return;
      length = Math.hypot(ends[0].row - ends[1].row, ends[0].col - ends[1].col);
      document.body.classList.remove("marking");
      ends = [];
      known();
    }, {capture: true, passive: false});
  document.addEventListener("pointermove", (event) => { if (ends.length === 1) draw(ends[0], {x: event.clientX, y: event.clientY}); });
  document.addEventListener("change", (event) => { if (event.target.closest && event.target.closest("#length")) known(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") rub(); });
  document.addEventListener("scroll", () => { if (!document.body.classList.contains("marking")) rub(); }, true);
  window.addEventListener("resize", rub);
};
