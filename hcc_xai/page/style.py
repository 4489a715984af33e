"""How the page looks and what its browser side does: theme, CSS and one script. Fonts are the reader's own."""

from __future__ import annotations

# ruff: noqa: E501  (CSS)
from typing import Any

from hcc_xai.imaging.read import MAX_BYTES
from hcc_xai.page.texts import TEXTS

_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "sans-serif"]
_MONO = ["ui-monospace", "Consolas", "Liberation Mono", "monospace"]
_DARK, _PANEL, _FIELD, _LINE = "#0b0d10", "#12161b", "#1a2027", "#2a323c"
_INK, _FAINT, _ACCENT = "#e6e9ed", "#9aa5b1", "#56B4E9"


def theme() -> Any:
    """Dark by day and night: scans are read in dark rooms."""
    import gradio as gr

    one = {
        "body_background_fill": _DARK,
        "body_text_color": _INK,
        "body_text_color_subdued": _FAINT,
        "background_fill_primary": _DARK,
        "background_fill_secondary": _PANEL,
        "block_background_fill": _PANEL,
        "block_border_color": _LINE,
        "block_label_background_fill": _PANEL,
        "block_label_text_color": _FAINT,
        "block_title_text_color": _FAINT,
        "border_color_primary": _LINE,
        "border_color_accent": _ACCENT,
        "input_background_fill": _FIELD,
        "input_border_color": _LINE,
        "panel_background_fill": _PANEL,
        "button_secondary_background_fill": _FIELD,
        "button_secondary_text_color": _INK,
        "button_secondary_background_fill_hover": _LINE,
        "button_secondary_border_color": _LINE,
        "button_primary_background_fill": "#1f5f86",
        "button_primary_background_fill_hover": "#27739f",
        "button_primary_text_color": "#ffffff",
        "checkbox_background_color": _FIELD,
        "checkbox_background_color_selected": "#1f78ad",
        "checkbox_border_color": "#5b6876",
        "checkbox_label_background_fill": _FIELD,
        "checkbox_label_background_fill_selected": _FIELD,
        "checkbox_label_text_color": _INK,
        "checkbox_label_text_color_selected": _INK,
        "color_accent_soft": _FIELD,
        "slider_color": _ACCENT,
        "link_text_color": _ACCENT,
        "table_even_background_fill": _PANEL,
        "table_odd_background_fill": _PANEL,
        "code_background_fill": _FIELD,
        "shadow_drop": "none",
    }
    both = {**one, **{f"{name}_dark": value for name, value in one.items()}}
    base = gr.themes.Base(
        font=_FONT,
        font_mono=_MONO,
        primary_hue="sky",
        neutral_hue="slate",
        text_size="sm",
        spacing_size="sm",
        radius_size="sm",
    )
    known = set(vars(base))
    return base.set(**{name: value for name, value in both.items() if name in known})


CSS = """
:root { color-scheme: dark; }
#work { --stage: clamp(300px, calc(100vh - 322px), 1100px); }
.gradio-container { padding: 0 18px !important; max-width: none !important; }
.gradio-container .main, .gradio-container main { padding: 0 !important; }
.gradio-container main > .column { gap: 4px; }
.block.padded { padding: 0; }
.html-container, .prose { padding: 0 !important; }
:focus-visible { outline: 2px solid #56B4E9 !important; outline-offset: 2px !important; }
input[type=range]:focus-visible, input[type=radio]:focus-visible, input[type=checkbox]:focus-visible {
  box-shadow: 0 0 0 2px #56B4E9 !important; }
.sr-only { position: absolute !important; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; border: 0 !important; padding: 0 !important; margin: 0 !important; min-height: 0 !important;
  min-width: 0 !important; }
#top { position: relative; }
#title { position: absolute; left: 0; top: 6px; width: auto; z-index: 2; padding: 0; }
#title h1 { font-size: 16px; font-weight: 650; letter-spacing: .02em; margin: 0; }
#language { position: absolute; right: 0; top: 4px; width: auto; min-width: 0 !important; z-index: 3; border: 0;
  background: none; padding: 0; }
#language .wrap { flex-wrap: nowrap; gap: 0; }
#language label { background: none; border: 0; box-shadow: none; padding: 4px 8px; color: #9aa5b1; }
#language label.selected { color: #fff; text-decoration: underline; text-underline-offset: 4px; }
#language label input { position: absolute; opacity: 0; width: 1px; height: 1px; }
#language label:focus-within { outline: 2px solid #56B4E9; outline-offset: -2px; border-radius: 4px; }
#tabs { gap: 0; } #tabs > .tab-wrapper { padding: 0 170px 0 92px; height: 36px; }
#tabs .tabitem { padding: 6px 0 0 0; border: 0; }
#work { gap: 14px; align-items: stretch; flex-wrap: nowrap; }
#left { flex: 1 1 62% !important; min-width: 0 !important; gap: 4px; }
#right { flex: 1 1 38% !important; max-width: 620px; min-width: 320px !important; gap: 6px; }

#intake { gap: 10px; align-items: center; flex-wrap: nowrap; min-height: 62px; }
#choose-side { flex: 1 1 auto !important; min-width: 210px !important; gap: 2px; }
#choose { width: max-content; max-width: 100%; padding: 6px 14px; font-weight: 600; }
#note { padding: 0; height: 32px; overflow: visible !important; z-index: 6; }
#note .note { margin: 0; font-size: 12px; line-height: 16px; color: #9aa5b1; }
#note .note.bad { color: #ffb38a; font-size: 13px; background: #0b0d10; }
#note .note.bad::before { content: "!"; display: inline-block; width: 16px; height: 16px; margin-right: 6px;
  text-align: center; font-weight: 700; background: #D55E00; color: #fff; border-radius: 50%; line-height: 16px; }
#examples { flex: 0 0 auto !important; width: auto; gap: 5px; flex-wrap: nowrap; min-width: 0 !important; }
.example { min-width: 74px !important; width: 74px; height: 62px; padding: 0 2px 1px !important; font-size: 11px !important;
  font-weight: 400 !important; line-height: 14px; align-items: flex-end !important; background-size: 72px 45px !important;
  background-repeat: no-repeat !important; background-position: top center !important; white-space: nowrap;
  background-color: #000 !important; color: #c5ccd4 !important; }
.example:hover { border-color: #56B4E9 !important; color: #fff !important; }

#stage-wrap { position: relative; gap: 0; height: var(--stage); min-height: var(--stage); background: #000;
  border: 1px solid #2a323c; border-radius: 4px; overflow: hidden; }
#stage { height: 100% !important; border: 0 !important; background: #000 !important; --block-background-fill: #000; }
#stage .empty { display: none; }
#stage img { max-height: none !important; height: 100%; width: 100%; object-fit: contain; image-rendering: auto; }
#stage .image-container, #stage .slider-wrap { height: 100%; }
#stage .icon-button-wrapper { background: #12161bcc; }
#stage .outer { touch-action: none; }
#stage .outer .icon-wrap { background: #1a2027e6; color: #e6e9ed; }
#stage .outer .inner { background: #9aa5b1; }
#stage .outer:focus-visible { outline-offset: -4px !important; }
#stage > [data-testid=status-tracker]:not(.hide) { animation: late .2s 1s both; background: #0b0d10aa; }
#stage > [data-testid=status-tracker].hide { background: none; }
@keyframes late { from { opacity: 0; } to { opacity: 1; } }
body.peek #stage .slider-wrap img:nth-of-type(2) { visibility: hidden; }
#empty { position: absolute; inset: 12px; z-index: 1; width: auto; display: flex; align-items: center; padding: 0;
  justify-content: center; border: 1px dashed #3a4653; border-radius: 6px; cursor: pointer; text-align: center; }
#empty h2 { font-size: 19px; font-weight: 500; margin: 0 0 6px; color: #c5ccd4; }
#empty p { margin: 0; color: #9aa5b1; }
#stage-wrap:has(.slider-wrap) #empty { display: none; }
body.dragging #stage-wrap { outline: 2px dashed #56B4E9; outline-offset: -8px; }

#caption { position: absolute; left: 8px; top: 6px; width: auto; z-index: 40; pointer-events: none; }
#caption p { margin: 0; font-size: 11.5px; color: #9aa5b1; text-shadow: 0 0 4px #000, 0 0 2px #000; } #stage-wrap:not(:has(.slider-wrap)) #caption { display: none; }
#legend { min-height: 36px; }
.legend { display: flex; flex-wrap: wrap; gap: 0 14px; align-items: center; font-size: 12px; color: #9aa5b1; line-height: 18px; }
.legend .key i { display: inline-block; width: 14px; height: 3px; margin-right: 5px; vertical-align: middle; }
.legend .scale { display: inline-flex; gap: 6px; align-items: center; color: #e6e9ed; font-variant-numeric: tabular-nums; }
.legend .ramp { display: inline-block; width: 150px; height: 10px; border-radius: 2px; border: 1px solid #3a4653; }
#legend .what { color: #c5ccd4; flex: 1 1 auto; } #legend .peek { font-size: 11.5px; color: #9aa5b1; }
#legend .how { flex: 1 1 70%; font-size: 11.5px; color: #9aa5b1; }

#controls { gap: 6px; }
.controls { gap: 6px 22px; flex-wrap: wrap; align-items: flex-end; }
.controls .form { display: contents; }
.controls .block { flex: 0 0 auto; width: auto; margin: 0; min-width: 0 !important; padding: 0; border: 0 !important; background: none;
  box-shadow: none; overflow: visible !important; }
.controls span[data-testid=block-info], #spacing span[data-testid=block-info] { font-size: 11.5px; line-height: 15px;
  color: #9aa5b1; margin: 0 0 2px; background: none; padding: 0; }
.controls fieldset .wrap { flex-wrap: nowrap; gap: 4px; }
.controls fieldset label { padding: 0 9px 0 7px; height: 28px; gap: 6px; border: 1px solid #2a323c; font-size: 12.5px; }
.controls fieldset label span { margin: 0; }
.controls input[type=number] { height: 18px; width: 46px; padding: 0 4px; font-size: 11.5px; }
.controls .min_value, .controls .max_value { display: none; }
.controls .slider_input_container { height: 28px; }
.controls .head { margin: 0; height: 17px; align-items: center; }
#opacity.block { flex: 1 1 120px; max-width: 190px; }
#frame.block { flex: 1 1 140px; max-width: 260px; }
#class.block { width: 200px; } #colours.block { width: 112px; }
.controls .container .wrap { min-height: 28px; height: 28px; border-radius: 4px; }
.controls .wrap-inner { padding: 0 4px; }
.controls .container input { height: 26px; margin: 0; font-size: 12.5px; }

#answer { padding: 0; }
#answer h2 { font-size: 23px; line-height: 28px; font-weight: 600; margin: 2px 0 2px; color: #fff; }
#answer h3 { font-size: 12px; font-weight: 600; color: #9aa5b1; margin: 14px 0 5px; padding-bottom: 3px;
  border-bottom: 1px solid #2a323c; letter-spacing: .02em; }
#answer .band { margin: 0 0 6px; display: flex; flex-wrap: wrap; gap: 0 8px; align-items: baseline; font-size: 16px; }
#answer .band small { color: #9aa5b1; font-size: 12px; flex: 1 0 100%; }
#answer .dot { display: inline-block; width: 13px; height: 13px; border-radius: 50%; align-self: center; }
#answer .number { font-variant-numeric: tabular-nums; }
#answer .sentence { margin: 0; font-size: 14.5px; line-height: 20px; color: #e6e9ed; }
#answer ul { list-style: none; margin: 10px 0 0; padding: 0; }
#answer .bars li { display: grid; grid-template-columns: minmax(110px, 34%) 1fr 44px; gap: 10px; align-items: center;
  font-size: 13px; line-height: 22px; color: #c5ccd4; margin: 0; }
#answer .bars li.top { color: #fff; font-weight: 600; }
#answer .bars .bar { height: 9px; background: #1a2027; border-radius: 2px; overflow: hidden; }
#answer .bars .bar i { display: block; height: 100%; background: #6c7a89; }
#answer .bars .top .bar i { background: #c9d3dd; }
#answer .bars .number { text-align: right; }
#answer .trust { margin: 0; }
#answer .trust li { display: grid; grid-template-columns: 18px 92px 1fr; gap: 6px; font-size: 12.5px; line-height: 17px;
  margin: 0 0 5px; }
#answer .trust b { font-weight: 500; color: #c5ccd4; }
#answer .trust .said { color: #c5ccd4; font-variant-numeric: tabular-nums; }
#answer .sign { width: 16px; height: 16px; line-height: 16px; border-radius: 50%; text-align: center; font-weight: 700;
  font-size: 11px; }
#answer .ok .sign { background: #0b4d3b; color: #7fe0c0; } #answer .mind .sign { background: #5a4310; color: #ffd27a; }
#answer table.lesions { width: 100%; border-collapse: collapse; font-size: 12.5px; font-variant-numeric: tabular-nums; }
#answer table.lesions, #answer table.lesions * { border: 0 !important; background: none !important; }
#answer table.lesions th, #answer table.lesions td { text-align: left; padding: 2px 8px 2px 0; font-weight: 400;
  color: #e6e9ed; }
#answer table.lesions thead th { color: #9aa5b1; font-size: 11.5px; }
#answer .none, #answer .about { font-size: 12px; color: #9aa5b1; margin: 4px 0 0; }
#answer .described { margin: 6px 0 0; font-size: 12.5px; line-height: 17px; color: #c5ccd4; }
#answer .described b { font-weight: 500; color: #9aa5b1; } #answer .described small { color: #9aa5b1; font-size: 11.5px; }
#answer .about { margin-top: 12px; overflow-wrap: anywhere; }
#answer .waiting h2 { color: #c5ccd4; font-weight: 500; font-size: 19px; } #answer .waiting p { color: #9aa5b1; margin: 0; }
#right .form, #right .block { box-shadow: none; }
#measure { border: 1px solid #2a323c; border-radius: 4px; padding: 0 10px; background: none; }
#measure > button { padding: 6px 0; font-size: 12.5px; color: #c5ccd4; }
#measure .form, #measure .block { border: 0; background: none; padding: 0; }
#measure .fields { align-items: end; gap: 8px; flex-wrap: wrap; } #measure .fields .form { display: contents; }
#spacing-note:empty, #measure .hide-container:has(> .prose:empty) { display: none; }
#spacing, #length { flex: 1 1 150px; min-width: 130px !important; margin: 0; }
#measure input[type=text], #measure textarea { height: 28px; padding: 2px 8px; border: 1px solid #2a323c; border-radius: 4px; }
#mark { flex: 1 1 130px; min-width: 120px !important; font-size: 12px; font-weight: 400; padding: 4px 8px; }
#lirads-title h3 { margin: 6px 0 0; font-size: 12.5px; font-weight: 600; color: #9aa5b1; }
#measure span[data-testid=block-info] { font-size: 12px; color: #c5ccd4; margin-bottom: 2px; }
#measure .wrap label { padding: 2px 8px; font-size: 12px; }
#lirads p { margin: 0 0 8px; font-size: 12.5px; line-height: 17px; color: #c5ccd4; } #lirads b { color: #fff; }
body.marking #stage, body.marking #stage * { cursor: crosshair !important; touch-action: none; }
#ruler { position: fixed; inset: 0; width: 100vw; height: 100vh; pointer-events: none; z-index: 60; }
#ruler-says { position: fixed; z-index: 61; pointer-events: none; background: #11161c; color: #fff; font-size: 12.5px;
  border: 1px solid #56b4e9; border-radius: 4px; padding: 2px 8px; }
#spacing-note { padding: 0; } #spacing-note p { margin: 0; font-size: 12.5px; color: #ffb38a; }
#downloads { gap: 5px; flex-wrap: wrap; }
#downloads button { flex: 1 1 auto; min-width: 96px !important; font-size: 12px; font-weight: 400; padding: 4px 8px; }
#explain-page { gap: 8px; }
#explain-intro p { margin: 6px 0 0; font-size: 12.5px; color: #9aa5b1; max-width: 900px; }
#explain-page .controls fieldset .wrap { flex-wrap: wrap; }
#methods { flex: 1 1 100%; }
#explain-class.block, #explain-against.block, #layer.block { width: 200px; }
#check { flex: 0 0 auto; width: auto; min-width: 0 !important; align-self: flex-end; padding-bottom: 5px; }
#explain-go, #explain-stop { flex: 0 0 auto; min-width: 90px !important; align-self: flex-end; height: 28px; }
#explain-progress { min-height: 22px; } #explain-progress p { margin: 0; font-size: 12.5px; color: #c5ccd4; }
#explain-progress .bad { color: #ffb38a; } #explain-progress progress { width: 160px; vertical-align: middle; }
#explain-grid { gap: 10px; flex-wrap: wrap; align-items: flex-start; }
#explain-grid .cell:not(:has(img)) { display: none; }
#explain-grid .cell { flex: 1 1 300px; max-width: 720px; gap: 4px; }
#explain-grid .cell .image-container, #explain-grid .cell .image-frame { overflow: hidden; background: #000; }
#explain-grid img { transform-origin: 0 0; cursor: grab; touch-action: pan-y pinch-zoom; }
.told h3 { font-size: 13px; margin: 0 0 2px; color: #e6e9ed; } .told p { margin: 0 0 2px; font-size: 12px; color: #c5ccd4; }
.told .small { color: #9aa5b1; font-size: 11px; }
.told[data-verdict=fails] p:nth-last-of-type(2) { color: #ffb38a; font-weight: 600; }
.told[data-verdict=holds] p:nth-last-of-type(2) { color: #7fe0c0; }
#layers-row { gap: 8px; flex-wrap: wrap; } #layers-row button { flex: 0 0 auto; min-width: 90px !important; }
#layers-at-work img { max-width: 100%; display: block; } #layers-at-work p { margin: 2px 0; font-size: 12px; color: #c5ccd4; }
#explain-table h3 { font-size: 13px; font-weight: 600; color: #9aa5b1; margin: 8px 0 4px; }
#explain-table { overflow-x: auto; } #explain-table table { border-collapse: collapse; font-size: 12px; }
#explain-table table, #explain-table table * { border: 0 !important; background: none !important; }
#explain-table th, #explain-table td { padding: 2px 12px 2px 0; text-align: left; font-weight: 400; color: #c5ccd4; }
#batch-page { gap: 8px; } #batch-intro p { margin: 6px 0 0; font-size: 12.5px; color: #9aa5b1; max-width: 900px; }
#batch-intake, #batch-take { gap: 8px; flex-wrap: wrap; }
#batch-intake button, #batch-take button { flex: 0 0 auto; min-width: 110px !important; }
#batch-progress { min-height: 22px; } #batch-progress p { margin: 0; font-size: 12.5px; color: #c5ccd4; }
#batch-progress .bad { color: #ffb38a; } #batch-progress progress { width: 160px; vertical-align: middle; }
#batch-controls .form { display: flex; flex-wrap: wrap; justify-content: flex-start; gap: 6px 12px; background: none;
  border: 0; }
#batch-controls .form > .block { margin: 0; flex: 0 0 auto; width: auto; min-width: 150px !important; }
#b-opacity { width: 190px !important; }
#batch-gallery { min-height: 220px; background: #0b0d10; }
#batch-gallery .caption-label { font-size: 11px; white-space: normal; }
@media (max-width: 640px) { #batch-gallery .grid-container { grid-template-columns: 1fr 1fr !important; }
  #batch-gallery .caption-label { display: none; } }
#batch-table { overflow-x: auto; } #batch-table table { border-collapse: collapse; font-size: 12.5px; }
#batch-table table, #batch-table table * { border: 0 !important; background: none !important; }
#batch-table th, #batch-table td { padding: 2px 14px 2px 0; text-align: left; font-weight: 400; color: #c5ccd4; vertical-align: top; }
#batch-table thead th { color: #9aa5b1; } #batch-table .bad td { color: #ffb38a; }
#audit-page { gap: 8px; } #audit-intro p { margin: 6px 0 0; font-size: 12.5px; color: #9aa5b1; max-width: 900px; }
#audit-intake { gap: 8px; flex-wrap: wrap; } #audit-intake button { flex: 0 0 auto; min-width: 110px !important; }
#audit-progress { min-height: 22px; } #audit-progress p { margin: 0; font-size: 12.5px; color: #c5ccd4; }
#audit-progress .bad { color: #ffb38a; } #audit-progress progress { width: 160px; vertical-align: middle; }
#audit-told { font-size: 13px; color: #e6e9ed; } #audit-told .worst { font-size: 16px; border-left: 4px solid #d55e00; padding-left: 10px; }
#audit-told .fine { border-color: #009e73; } #audit-told .caught { color: #ffb38a; max-width: 900px; }
#audit-told table, #audit-told table * { border: 0 !important; background: none !important; }
#audit-told th, #audit-told td { padding: 2px 14px 2px 0; text-align: left; font-weight: 400; font-size: 12.5px; color: #c5ccd4; }
.curves summary { font-size: 11.5px; color: #9aa5b1; cursor: pointer; } .curves svg { width: 220px; max-width: 100%; display: block; }
.curves polyline { stroke-width: 1.6; } .curves .random { stroke: #5b6672; } .curves .deletion { stroke: #e69f00; }
.curves .insertion { stroke: #56b4e9; }
#ask-title h3 { font-size: 13px; font-weight: 600; color: #9aa5b1; margin: 10px 0 2px; border-bottom: 1px solid #2a323c; }
#ask-row { gap: 8px; flex-wrap: wrap; align-items: flex-end; } #ask-row button { flex: 0 0 auto; min-width: 90px !important; }
#ask-row .form { flex: 0 0 auto; width: 220px; min-width: 0 !important; background: none; border: 0; }
#ask-progress { min-height: 22px; } #ask-progress p { margin: 0; font-size: 12.5px; color: #c5ccd4; }
#ask-progress .bad { color: #ffb38a; } #ask-progress progress { width: 160px; vertical-align: middle; }
#asked { gap: 12px; flex-wrap: wrap; align-items: flex-start; } #asked-picture { flex: 1 1 380px; max-width: 720px; }
#asked-picture img { cursor: crosshair; }
#asked-told { flex: 1 1 300px; } #asked-told p { margin: 0 0 6px; font-size: 13px; color: #e6e9ed; max-width: 620px; }
#asked-told .small { color: #9aa5b1; font-size: 11.5px; }
#asked-told table, #asked-told table * { border: 0 !important; background: none !important; }
.challenges th, .challenges td { padding: 2px 12px 2px 0; text-align: left; font-weight: 400; font-size: 12.5px; color: #c5ccd4; }
.challenges [data-bad=true] th, .challenges [data-bad=true] td { color: #ffb38a; font-weight: 600; }
.nearest { margin: 0; padding-left: 20px; font-size: 12.5px; color: #c5ccd4; }
#bottom { padding: 6px 0 2px; color: #9aa5b1; font-size: 12px; border-top: 1px solid #1a2027; }
#bottom p { margin: 0; }
footer .divider { display: none !important; }
footer { margin: 0 !important; padding: 2px 0 6px !important; font-size: 11px !important; }
#model-page { max-width: 980px; }
#facts table { border-collapse: collapse; } #facts table, #facts table * { border: 0 !important; background: none !important; }
#facts th, #facts td { text-align: left; padding: 3px 18px 3px 0; vertical-align: top; font-weight: 400;
  overflow-wrap: anywhere; color: #e6e9ed; }
#facts th { color: #9aa5b1; white-space: nowrap; }
#facts h2, #card-title h2 { font-size: 13px; font-weight: 600; color: #9aa5b1; margin: 12px 0 6px; padding-bottom: 3px;
  border-bottom: 1px solid #2a323c; }
#card h1 { font-size: 20px; margin-top: 4px; } #card h2 { font-size: 16px; } #card h3 { font-size: 14px; }
#card table { display: block; overflow-x: auto; border: 0 !important; }
#card table th, #card table td { border-color: #2a3138 !important; padding: 3px 10px;
  overflow-wrap: break-word; word-break: normal; min-width: 6em; }

@media (max-width: 900px) {
  #work { --stage: clamp(240px, 76vw, 560px); flex-direction: column; }
  #left { display: contents; }
  #left > * { order: 1; } #right { order: 2; max-width: none; width: 100%; min-width: 0 !important; }
  #left > #controls { order: 3; }
  #intake { flex-direction: column; align-items: stretch; }
  #examples { overflow-x: auto; max-width: 100%; padding-bottom: 4px; }
  #note { height: auto; min-height: 16px; }
  .legend .peek { display: none; } .legend .what { flex-basis: 100%; }
  #tabs > .tab-wrapper { padding: 32px 0 0; height: 66px; }
  #tabs > .tab-wrapper .tab-container button { padding: 0 7px; font-size: 13px; } /* all five fit */
  .controls { gap: 8px 14px; }
  #opacity.block, #frame.block { max-width: none; flex: 1 1 100%; }
  #work, #right { gap: 8px; }
}
@media (max-width: 420px) { #language label { padding: 4px 5px; } .example { min-width: 70px !important; } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
"""

# The browser's part: files dropped or pasted anywhere go to the one upload button; one key hides the overlay; the
# handle between the two pictures answers to arrow keys; the pictures get their alternative texts.
_SCRIPT = r"""
() => {
  const LIMIT = %LIMIT%, WORDS = %WORDS%;
  const $ = (query) => document.querySelector(query);
  const word = (key) => WORDS[key][document.documentElement.lang === "es" ? 1 : 0];
  document.body.classList.add("dark");
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
  const typing = (node) => node && (node.isContentEditable || node.tagName === "TEXTAREA" || node.tagName === "SELECT" ||
    (node.tagName === "INPUT" && !["checkbox", "radio", "range", "button", "file"].includes(node.type)));

  document.addEventListener("change", (event) => {
    const input = event.target;
    if (input.type === "file" && input.files[0] && input.files[0].size > LIMIT) {
      event.stopImmediatePropagation();
      input.value = "";
      complain(word("too-large").replace("{limit}", Math.floor(LIMIT / 1048576)));
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

  // A line of known length: two clicks on the picture, and its millimetres give those of a pixel.
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

  // Explanations side by side are zoomed and moved together.
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
  const dress = () => {
    const handle = $("#stage .outer");
    if (handle && handle.tabIndex !== 0) {
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
    if (handle) handle.setAttribute("aria-label", word("stage"));
    const said = $("#spoken") ? $("#spoken").textContent.trim() : "";
    const images = document.querySelectorAll("#stage .slider-wrap img");
    if (images.length === 2) {
      if (images[0].alt !== word("as-scanned")) images[0].alt = word("as-scanned");
      if (images[1].alt !== said) images[1].alt = said;
    }
    document.querySelectorAll("#explain-grid .cell").forEach((cell) => {
      const image = cell.querySelector("img"), title = cell.querySelector(".told h3");
      if (image && title && image.alt !== title.textContent) image.alt = title.textContent;
    });
    const spoken = $("#spoken");
    if (spoken && !spoken.hasAttribute("aria-live")) {
      spoken.setAttribute("aria-live", "polite"); spoken.setAttribute("role", "status");
    }
    const title = document.querySelector("#language");
    if (title && !title.hasAttribute("aria-label")) title.setAttribute("aria-label", "English | Español");
  };
  new MutationObserver(dress).observe(document.body, {childList: true, subtree: true, characterData: true});
  dress();
}
"""


def script() -> str:
    """The browser's part, with its words in both languages."""
    import json

    said = {
        key: TEXTS[key]
        for key in (
            "file-error",
            "too-large",
            "upload-failed",
            "as-scanned",
            "stage",
            "mark-start",
            "mark-end",
            "mark-length",
        )
    }
    return _SCRIPT.replace("%LIMIT%", str(MAX_BYTES)).replace(
        "%WORDS%", json.dumps(said, ensure_ascii=False)
    )


# Which language: the one chosen here before, else the browser's.
READ_LANGUAGE = """(unset, ...others) => {
  let chosen = null;
  try { chosen = localStorage.getItem("hcc_xai_language"); } catch (error) { /* storage is off */ }
  if (chosen !== "en" && chosen !== "es")
    chosen = (navigator.language || "en").toLowerCase().startsWith("es") ? "es" : "en";
  document.documentElement.lang = chosen;
  return [chosen, ...others];
}"""
KEEP_LANGUAGE = """(chosen, ...others) => {
  document.documentElement.lang = chosen;
  try { localStorage.setItem("hcc_xai_language", chosen); } catch (error) { /* storage is off */ }
  return [chosen, ...others];
}"""
