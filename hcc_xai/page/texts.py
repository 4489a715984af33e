"""The page's fixed words by key: labels, hints and short sentences, from `sentences`.

What an answer says stands in `language/words`, and what went wrong in `language/errors`. `gr.I18n`
shows the labels in the browser's language before Python has been asked; the switch then sets them
from here, as `gr.I18n` itself knows no switch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hcc_xai.language.words import LANGUAGES, check_language
from hcc_xai.page.sentences import (
    analyze,
    answer,
    audit,
    batch,
    common,
    explain,
    model,
    questions,
)

if TYPE_CHECKING:
    import gradio as gr

Sentence = Mapping[str, str]  # language -> how it is said there
FALLBACK = "en"  # what is said where a language lacks a sentence

NAMES = {"en": "English", "es": "Español"}

TEXTS: dict[str, Sentence] = {
    **common.SENTENCES,
    **analyze.SENTENCES,
    **answer.SENTENCES,
    **batch.SENTENCES,
    **explain.SENTENCES,
    **questions.SENTENCES,
    **audit.SENTENCES,
    **model.SENTENCES,
}


def text(key: str, language: str, **values: object) -> str:
    """A fixed text, filled in.

    Args:
        key: of `TEXTS`.
        language: of `words.LANGUAGES`.
        **values: what stands in the places that the sentence names.

    Raises:
        ArgumentError: the language is unknown.
    """
    return said_in(TEXTS[key], language).format(**values)


def said_in(sentence: Sentence, language: str) -> str:
    """A sentence in a language, or in English where it was not written in that language.

    Raises:
        ArgumentError: the language is unknown.
    """
    return sentence.get(check_language(language), sentence[FALLBACK])


# Gradio's browser side looks every word up, translated or not, so no key may be a word by itself:
# with "lesion" as a key, a Spanish browser would never show the English "lesion".
_KEY = "hcc_xai-{}"


@lru_cache(maxsize=1)
def translator() -> gr.I18n:
    """The `gr.I18n` of all texts."""
    import gradio as gr

    return gr.I18n(
        **{
            language: {
                _KEY.format(key): said_in(sentence, language) for key, sentence in TEXTS.items()
            }
            for language in LANGUAGES
        }
    )


def i18n(key: str) -> Any:
    """A text that the browser shows in its own language until Python has set one.

    It stands where Gradio takes a str, though not all of Gradio's types say so.
    """
    return translator()(_KEY.format(key))
