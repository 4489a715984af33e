"""Which fixed text stands where, so that the language switch can set them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hcc_xai.page.texts import text

Words = Callable[[str], Any]  # language -> a label, a list of choices, or HTML


class Labels:
    """Components whose words depend on the language."""

    def __init__(self) -> None:
        self._words: dict[Any, dict[str, Words]] = {}

    def add(self, component: Any, **words: str | Words) -> Any:
        """Note a component; each word is a key of `texts.TEXTS`, or a function of the language."""
        self._words[component] = {
            name: _by_key(word) if isinstance(word, str) else word for name, word in words.items()
        }
        return component

    @property
    def components(self) -> list[Any]:
        return list(self._words)

    def updates(self, language: str) -> dict[Any, Any]:
        """component -> what to set, as an event's answer."""
        import gradio as gr

        return {
            component: gr.update(**{name: word(language) for name, word in words.items()})
            for component, words in self._words.items()
        }


def _by_key(key: str) -> Words:
    return lambda language: text(key, language)
