// Files dropped or pasted anywhere go to the one upload button; what is too large is not sent.
const intake = ({limit, word}) => {
  const complain = (message) => {
    const note = $("#note .note");
    if (!note) return;
    note.className = "note bad"; note.setAttribute("role", "alert");
    note.replaceChildren(Object.assign(document.createElement("b"), {textContent: word("file-error")}), " " + message);
  };
  const feed = (file) => {
    const input = $("#choose-side input[type=file]");
    if (!input || !file) return;
    const box = new DataTransfer();
    box.items.add(file);
    input.files = box.files;
    input.dispatchEvent(new Event("change", {bubbles: true}));
  };

  document.addEventListener("change", (event) => {
    const input = event.target;
    if (input.type === "file" && input.files[0] && input.files[0].size > limit) {
      event.stopImmediatePropagation();
      input.value = "";
      complain(word("too-large").replace("{limit}", Math.floor(limit / 1048576)));
    }
  }, true);
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData ? event.clipboardData.files : [])][0];
    if (file) { event.preventDefault(); feed(file); }
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    if ([...event.dataTransfer.types].includes("Files")) document.body.classList.add("dragging");
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    feed(event.dataTransfer.files[0]);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest && event.target.closest("#empty")) $("#choose").click();
  });

  // Gradio shows a failed upload as a toast far from where the file was dropped.
  const send = window.fetch;
  window.fetch = async (...given) => {
    const address = String(given[0] && given[0].url || given[0]);
    if (!address.includes("/upload?") && !address.endsWith("/upload")) return send(...given);
    try {
      const reply = await send(...given);
      if (!reply.ok) complain(word("upload-failed"));
      return reply;
    } catch (error) { complain(word("upload-failed")); throw error; }
  };
};
