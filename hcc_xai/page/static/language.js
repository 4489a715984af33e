// Which language: the one chosen here before, else the browser's.
const STORED = "hcc_xai_language";

const speak = (language) => { document.documentElement.lang = language; };

const readLanguage = (known, fallback) => {
  let chosen = null;
  try { chosen = localStorage.getItem(STORED); } catch (error) { /* storage is off */ }
  if (!known.includes(chosen)) {
    const asked = (navigator.language || fallback).toLowerCase();
    chosen = known.find((language) => asked.startsWith(language)) || fallback;
  }
  speak(chosen);
  return chosen;
};

const keepLanguage = (chosen) => {
  speak(chosen);
  try { localStorage.setItem(STORED, chosen); } catch (error) { /* storage is off */ }
  return chosen;
};
