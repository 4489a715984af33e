// Gradio's parts get what a screen reader needs, whenever Gradio has built them anew.
const describe = ({word, names}) => {
  const dress = () => {
    const handle = $("#stage .outer");
    if (handle) dressHandle(handle, word);
    const spoken = $("#spoken");
    const images = document.querySelectorAll("#stage .slider-wrap img");
    if (images.length === 2) {
      const explained = spoken ? spoken.textContent.trim() : "";
      if (images[0].alt !== word("as-scanned")) images[0].alt = word("as-scanned");
      if (images[1].alt !== explained) images[1].alt = explained;
    }
    document.querySelectorAll("#explain-grid .cell").forEach((cell) => {
      const image = cell.querySelector("img"), title = cell.querySelector(".told h3");
      if (image && title && image.alt !== title.textContent) image.alt = title.textContent;
    });
    if (spoken && !spoken.hasAttribute("aria-live")) {
      spoken.setAttribute("aria-live", "polite"); spoken.setAttribute("role", "status");
    }
    const languages = $("#language");
    if (languages && !languages.hasAttribute("aria-label")) languages.setAttribute("aria-label", names.join(" | "));
  };
  new MutationObserver(dress).observe(document.body, {childList: true, subtree: true, characterData: true});
  dress();
};
