"""Which fixed text stands where, so that the language switch can set them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from hcc_xai.page.texts import text

if TYPE_CHECKING:
    from gradio.blocks import Block

    from hcc_xai.page.progress import Updates

Choice = tuple[str, str]  # what is shown, and the value that it stands for
Words = Callable[[str], str | Sequence[Choice]]  # language -> a label, a list of choices, or HTML
_Part = TypeVar("_Part", bound="Block")


class Labels:
    """Components whose words depend on the language."""

    def __init__(self) -> None:
        self._words: dict[Block, dict[str, Words]] = {}

    def add(self, component: _Part, **words: str | Words) -> _Part:
        """Note a component, and hand it back.

        Args:
            component: of the page.
            **words: an argument of the component, and what stands there: a key of `texts.TEXTS`,
                or a function of the language.
        """
        self._words[component] = {
            name: _by_key(word) if isinstance(word, str) else word for name, word in words.items()
        }
        return component

    @property
    def components(self) -> list[Block]:
        """All that were noted, in their order."""
        return list(self._words)

    def updates(self, language: str) -> Updates:
        """component -> what to set, as an event's answer."""
        import gradio as gr

        updates: Updates = {}
        for component, words in self._words.items():
            now: dict[str, Any] = {name: word(language) for name, word in words.items()}
            updates[component] = gr.update(**now)
        return updates


def _by_key(key: str) -> Words:
    return lambda language: text(key, language)
