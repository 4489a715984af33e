// What the browser does of its own. Python calls `start` with what it fills in (see style.py):
// limit: bytes of an upload; words: key -> language -> sentence; names: of the languages.
const $ = (query) => document.querySelector(query);
const typing = (node) => node && (node.isContentEditable || node.tagName === "TEXTAREA" || node.tagName === "SELECT" ||
  (node.tagName === "INPUT" && !["checkbox", "radio", "range", "button", "file"].includes(node.type)));

const start = ({limit, words, names}) => {
  const word = (key) => words[key][document.documentElement.lang] || words[key].en;
  document.body.classList.add("dark");
  intake({limit, word});
  stage();
  ruler({word});
  zoomTogether();
  describe({word, names});
};
