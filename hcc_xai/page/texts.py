"""The page's fixed words in English and Spanish: labels, hints, and the Spanish of the library's error messages.

What an answer says stands in `language/words`. `gr.I18n` shows the labels in the browser's language before Python
has been asked; the switch then sets them from here, as `gr.I18n` itself knows no switch.
"""

from __future__ import annotations

# ruff: noqa: E501  (sentences, kept whole)
import re
from functools import lru_cache
from typing import Any

from hcc_xai.language.words import LANGUAGES, check_language

NAMES = {"en": "English", "es": "Español"}

TEXTS: dict[str, tuple[str, str]] = {
    "analyze": ("Analyze", "Analizar"),
    "explain": ("Explain", "Explicar"),
    "batch": ("Batch", "Lote"),
    "audit": ("Audit", "Auditoría"),
    "audit-intro": (
        "May this model be used, and for whom? Your own images and a table (CSV: file, label, and any columns such as scanner, site, sex or age; mask if there is one), or a ZIP of both.",
        "¿Puede usarse este modelo, y para quién? Sus propias imágenes y una tabla (CSV: archivo, etiqueta y cualquier columna, como ecógrafo, centro, sexo o edad; máscara si la hay), o un ZIP con ambas.",
    ),
    "audit-files": ("Choose images and table", "Elegir imágenes y tabla"),
    "audit-go": ("Run the audit", "Auditar"),
    "audit-by": ("Groups by", "Grupos por"),
    "audit-against": ("Compared with", "Comparar con"),
    "audit-ready": (
        "{n} images; nothing has run yet.",
        "{n} imágenes; aún no se ha ejecutado nada.",
    ),
    "audit-understood": ("What was understood", "Qué se ha entendido"),
    "audit-going": ("Auditing", "Auditando"),
    "batch-intro": (
        "Many files at once: pictures, ZIP archives, DICOM with all frames of its loops, or a whole folder. What cannot be read becomes a row that says why.",
        "Muchos archivos a la vez: imágenes, ZIP, DICOM con todos los fotogramas de sus bucles o una carpeta entera. Lo que no se pueda leer será una fila que dice por qué.",
    ),
    "batch-files": ("Choose files", "Elegir archivos"),
    "batch-folder": ("Choose a folder", "Elegir una carpeta"),
    "batch-open": ("Open on “Analyze”", "Abrir en «Analizar»"),
    "batch-going": ("{done} of {files} files", "{done} de {files} archivos"),
    "batch-done": (
        "{rows} pictures of {files} files answered in {seconds} s; {failed} files not read, {stopped} pictures stopped.",
        "{rows} imágenes de {files} archivos analizadas en {seconds} s; {failed} archivos no leídos, {stopped} imágenes detenidas.",
    ),
    "batch-most": (
        "The first {shown} are shown; all are in the table and the ZIP.",
        "Se muestran las primeras {shown}; todas están en la tabla y el ZIP.",
    ),
    "batch-without": (
        "Stopped; {count} pictures are shown without this map.",
        "Detenido; {count} imágenes se muestran sin este mapa.",
    ),
    "view": ("View", "Vista"),
    "view-grid": ("grid", "cuadrícula"),
    "view-one": ("one large (← →)", "una grande (← →)"),
    "sort": ("Sort by", "Ordenar por"),
    "sort-file": ("file", "archivo"),
    "sort-probability": ("most probably malignant", "más probablemente maligna"),
    "sort-size": ("largest lesion", "lesión mayor"),
    "sort-sure": ("least sure", "menos segura"),
    "only": ("Show only", "Mostrar solo"),
    "only-all": ("(all)", "(todas)"),
    "only-flagged": ("with a warning", "con aviso"),
    "only-lesion": ("with a lesion", "con lesión"),
    "only-stopped": ("stopped", "detenidas"),
    "col-file": ("file", "archivo"),
    "col-answer": ("answer", "respuesta"),
    "model": ("Model", "Modelo"),
    "language": ("Language", "Idioma"),
    "choose": ("Choose a picture", "Elegir una imagen"),
    "hint": (
        "or drop it anywhere, or paste it. PNG, JPEG, TIFF, BMP, WebP, DICOM.",
        "o suéltela en cualquier parte, o péguela. PNG, JPEG, TIFF, BMP, WebP, DICOM.",
    ),
    "examples": ("Simulated examples", "Ejemplos simulados"),
    "empty": ("Drop a liver ultrasound here", "Suelte aquí una ecografía hepática"),
    "empty-more": (
        "or paste it, choose a file, or click an example. It runs at once.",
        "o péguela, elija un archivo o pulse un ejemplo. Se analiza al momento.",
    ),
    "stage": ("As scanned | explained", "Original | explicada"),
    "caption": (
        "◂ as scanned · move the bar · explained ▸",
        "◂ original · mueva la barra · explicada ▸",
    ),
    "show": ("Show", "Mostrar"),
    "lesion": ("lesion", "lesión"),
    "liver": ("liver", "hígado"),
    "heatmap": ("heatmap", "mapa de calor"),
    "opacity": ("Heatmap opacity", "Opacidad del mapa"),
    "class": ("Evidence for", "Evidencia de"),
    "map": ("Map", "Mapa"),
    "contribution": ("contribution", "contribución"),
    "scale": ("Scale", "Escala"),
    "own": ("this image", "esta imagen"),
    "absolute": ("absolute", "absoluta"),
    "colours": ("Colours", "Colores"),
    "frame": ("Frame", "Fotograma"),
    "spacing": ("mm per pixel, if known", "mm por píxel"),
    "spacing-hint": ("e.g. 0.21", "p. ej., 0,21"),
    "measure": ("Measurements, US LI-RADS", "Mediciones, US LI-RADS"),
    "length": ("or a length, mm", "o una longitud, mm"),
    "length-hint": ("e.g. 10", "p. ej., 10"),
    "mark": ("Mark it on the picture", "Marcarla en la imagen"),
    "mark-start": ("Click one end (Esc: stop)", "Pulse un extremo (Esc: cancelar)"),
    "mark-end": ("Click the other end", "Pulse el otro extremo"),
    "mark-length": ("Now type its length in mm", "Ahora escriba su longitud en mm"),
    "lirads": ("US LI-RADS, a suggestion", "US LI-RADS, una sugerencia"),
    "at-risk": (
        "Surveillance of a person at risk, without known cancer?",
        "¿Seguimiento de alguien con riesgo, sin cáncer conocido?",
    ),
    "thrombus": ("New thrombus in a vein?", "¿Trombo nuevo en una vena?"),
    "visualization": ("Visualization", "Visualización"),
    "visualization-A": ("A: good", "A: buena"),
    "visualization-B": ("B: moderately limited", "B: limitación moderada"),
    "visualization-C": ("C: severely limited", "C: limitación grave"),
    "benign": (
        "Definitely benign lesions, as a simple cyst is",
        "Lesiones benignas con certeza, como un quiste simple",
    ),
    "no-category": ("no category", "sin categoría"),
    "explain-intro": (
        "Several explanations of the picture on “Analyze”, side by side, and a test that each of them can fail. Wheel or + and − zoom all at once, 0 goes back.",
        "Varias explicaciones de la imagen de «Analizar», una junto a otra, y una prueba que cada una puede suspender. La rueda o + y − amplían todas a la vez; 0 vuelve.",
    ),
    "methods": ("Methods (up to four)", "Métodos (hasta cuatro)"),
    "the-answer": ("the answer", "la respuesta"),
    "against": ("rather than", "en vez de"),
    "nothing": ("(no contrast)", "(sin contraste)"),
    "layer": ("Layer (of the CAMs)", "Capa (de los CAM)"),
    "check": ("test each map", "probar cada mapa"),
    "explain-go": ("Explain", "Explicar"),
    "explain-stop": ("Stop", "Detener"),
    "layers-go": ("The layers at work", "Las capas en acción"),
    "layers-said": (
        "Layer-CAM for “{title}”, from the first block to the map that both heads read, each layer on its own scale.",
        "Layer-CAM de «{title}», del primer bloque al mapa que leen ambas salidas, cada capa en su propia escala.",
    ),
    "stopped-by-you": ("Stopped.", "Detenido."),
    "explain-first": (
        "Choose a picture on “Analyze” first.",
        "Elija antes una imagen en «Analizar».",
    ),
    "explain-none": ("Choose at least one method.", "Elija al menos un método."),
    "explain-many": ("Choose at most four methods.", "Elija como máximo cuatro métodos."),
    "explain-same": (
        "A class cannot be contrasted with itself: choose another one.",
        "Una clase no se puede contrastar consigo misma: elija otra.",
    ),
    "testing": ("Testing {method}", "Probando {method}"),
    "time-left": ("about {seconds} s left", "quedan unos {seconds} s"),
    "check-tenth": (
        "Hiding the highlighted tenth of the scan changes “{title}” from {before} to {tenth}; hiding a random tenth, to {random_tenth}.",
        "Al ocultar la décima parte resaltada, «{title}» pasa de {before} a {tenth}; al ocultar una décima al azar, a {random_tenth}.",
    ),
    "check-holds": (
        "The test holds: it does better than {share} of random maps as smooth as it.",
        "Supera la prueba: mejor que el {share} de los mapas al azar igual de suaves.",
    ),
    "check-fails": (
        "The test fails: it does better than only {share} of random maps as smooth as it. Do not believe this map.",
        "No supera la prueba: solo mejor que el {share} de los mapas al azar igual de suaves. No se fíe de este mapa.",
    ),
    "agreement": (
        "Do they agree? Rank correlation inside the scan, 1 at most",
        "¿Coinciden? Correlación de rangos dentro de la imagen, como máximo 1",
    ),
    "curves-title": ("Curves", "Curvas"),
    "curves": (
        "Probability as the map's highest places are hidden (orange, area {deletion}) or shown alone (blue, {insertion}), over the share of the scan; grey: random maps. ROAD {road}.",
        "Probabilidad al ocultar los puntos más altos del mapa (naranja, área {deletion}) o mostrar solo estos (azul, {insertion}), según la proporción de la imagen; gris: mapas al azar. ROAD {road}.",
    ),
    "method-contribution": ("Contribution (exact)", "Contribución (exacta)"),
    "method-eigen-cam": ("Eigen-CAM (blind to the class)", "Eigen-CAM (ciego a la clase)"),
    "method-integrated-gradients": ("Integrated Gradients", "Gradientes integrados"),
    "method-occlusion": ("Occlusion", "Oclusión"),
    "method-kernel-shap": ("Kernel SHAP of superpixels", "Kernel SHAP de superpíxeles"),
    "ask-title": ("Ask further", "Preguntar más"),
    "ask-follow": ("What does it follow?", "¿A qué atiende?"),
    "ask-mind": ("What would change its mind?", "¿Qué la haría cambiar?"),
    "ask-outline": ("Why is this outlined, or not?", "¿Por qué se delinea, o no?"),
    "ask-place": ("or type a place: row, column", "o escriba un punto: fila, columna"),
    "ask-click": (
        "Click a lesion to see what its outline rests on, or any other place to see why nothing is outlined there.",
        "Pulse una lesión para ver en qué se apoya su contorno, o cualquier otro punto para ver por qué no se delinea nada.",
    ),
    "ask-outside": ("This place lies outside the scan.", "Ese punto está fuera de la imagen."),
    "ask-no-place": (
        "“{place}” is no place; write row and column, like 120, 200.",
        "«{place}» no es un punto; escriba fila y columna, como 120, 200.",
    ),
    "ask-rests": ("Seg-Grad-CAM; brighter: more.", "Seg-Grad-CAM; más claro: más."),
    "ask-signed": (
        "Red speaks for a lesion there, blue against (Seg-HiRes-CAM).",
        "Rojo habla a favor de una lesión ahí; azul, en contra (Seg-HiRes-CAM).",
    ),
    "follow-good": (
        "“{title}” follows the lesion: no change of anything else overturned it.",
        "«{title}» atiende a la lesión: ningún otro cambio la invirtió.",
    ),
    "follow-bad": (
        "{count} of {of} changes speak against “{title}”: it follows more than the lesion.",
        "{count} de {of} cambios hablan en contra de «{title}»: atiende a algo más que la lesión.",
    ),
    "mind-one": (
        "Painting over one region ({share} of the scan) changes “{title}” from {before} to {after}; the answer becomes “{other}”.",
        "Al tapar una región ({share} de la imagen), «{title}» pasa de {before} a {after}; la respuesta es «{other}».",
    ),
    "mind-changes": (
        "Painting over {count} regions ({share} of the scan) changes “{title}” from {before} to {after}; the answer becomes “{other}”.",
        "Al tapar {count} regiones ({share} de la imagen), «{title}» pasa de {before} a {after}; la respuesta es «{other}».",
    ),
    "mind-stays": (
        "Not even painting over the {count} strongest regions ({share} of the scan) changes the answer: “{title}” goes from {before} to {after}.",
        "Ni tapando las {count} regiones más fuertes ({share} de la imagen) cambia la respuesta: «{title}» pasa de {before} a {after}.",
    ),
    "mind-exact": (
        "No smaller set of regions does.",
        "Ningún conjunto menor de regiones lo logra.",
    ),
    "mind-rough": (
        "None of them can be given back; a smaller set may exist.",
        "No sobra ninguna; puede existir un conjunto menor.",
    ),
    "nearest": (
        "Nearest training images, by what the network saw (1: as near as training images are to each other; the images themselves are not kept):",
        "Imágenes de entrenamiento más cercanas según lo que vio la red (1: tan cerca como lo están entre sí; las imágenes no se guardan):",
    ),
    "nearest-same": (
        "This very image was trained on: the answer says nothing about how it does on new ones.",
        "El modelo se entrenó con esta misma imagen: la respuesta no dice cómo acierta con otras nuevas.",
    ),
    "second": ("second opinion", "segunda opinión"),
    "second-agrees": (
        "What was measured of the lesion speaks for the same ({chance}).",
        "Lo medido en la lesión apunta a lo mismo ({chance}).",
    ),
    "get": ("Download", "Descargar"),
    "get-overlay": ("Overlay", "Superposición"),
    "get-lesion": ("Lesion mask", "Máscara de lesión"),
    "get-liver": ("Liver mask", "Máscara de hígado"),
    "get-json": ("Numbers (JSON)", "Datos (JSON)"),
    "more": ("Measure and download", "Medir y descargar"),
    "waiting": ("No picture yet.", "Aún no hay imagen."),
    "waiting-more": (
        "The answer will stand here: what was found, how sure, and why.",
        "Aquí aparecerá la respuesta: qué se ha encontrado, con qué seguridad y por qué.",
    ),
    "sure-not-dangerous": (
        "The colour says how sure the answer is, not how dangerous.",
        "El color indica lo segura que es la respuesta, no su gravedad.",
    ),
    "probabilities": ("Probabilities", "Probabilidades"),
    "trust": ("Can I trust this?", "¿Puedo fiarme?"),
    "ok": ("in order", "correcto"),
    "mind": ("take note", "atención"),
    "kind": ("kind of image", "tipo de imagen"),
    "confidence": ("confidence", "confianza"),
    "evidence": ("evidence", "evidencia"),
    "note": ("note", "aviso"),
    "stopped": ("stopped", "detenida"),
    "stopped-title": ("Stopped: no answer", "Detenida: sin respuesta"),
    "stopped-more": (
        "The model knows only liver ultrasound. If it is one, you may see the answer; it stays marked.",
        "El modelo solo conoce ecografías hepáticas. Si lo es, puede ver la respuesta; quedará marcada.",
    ),
    "through": ("Show the answer all the same", "Mostrar la respuesta de todos modos"),
    "checked": ("looks like a liver ultrasound", "parece una ecografía hepática"),
    "calibrated-elsewhere": (
        "Calibrated on liver ultrasound only; for this picture the number means nothing.",
        "Calibrada solo con ecografías hepáticas; en esta imagen el número no significa nada.",
    ),
    "calibrated": (
        "Calibrated: of answers with {percent}, about that share is right.",
        "Calibrada: de las respuestas con {percent}, acierta aproximadamente esa proporción.",
    ),
    "shares": (
        "{lesion} in lesions, {liver} in the rest of the liver, {elsewhere} elsewhere",
        "{lesion} en lesiones, {liver} en el resto del hígado, {elsewhere} fuera",
    ),
    "no-evidence": ("no evidence speaks for this answer", "ninguna evidencia apoya esta respuesta"),
    "hiding": (
        "hiding the lesions: {before} → {after}",
        "al ocultar las lesiones: {before} → {after}",
    ),
    "hiding-elsewhere": (
        "hiding as much elsewhere: {before} → {after}",
        "al ocultar otro tanto: {before} → {after}",
    ),
    "hiding-wait": ("hiding the lesions: …", "al ocultar las lesiones: …"),
    "lesions": ("Lesions", "Lesiones"),
    "none": ("none outlined", "ninguna delineada"),
    "size": ("size", "tamaño"),
    "depth": ("depth", "profundidad"),
    "area": ("area", "área"),
    "described": ("Lesion 1, measured:", "Lesión 1, medida:"),
    "interval-note": (
        "In brackets: the longest diameter within the dotted lines.",
        "Entre paréntesis: el diámetro mayor dentro de las líneas de puntos.",
    ),
    "dotted": (
        "dotted: mostly lesion, most of the lesion",
        "puntos: casi todo lesión, casi toda la lesión",
    ),
    "further": ("{count} smaller ones are in the JSON.", "Hay {count} menores en el JSON."),
    "pixels-only": (
        "Sizes are in pixels: the file states no spacing. Give it under Measurements.",
        "Tamaños en píxeles: el archivo no indica la escala. Indíquela en Mediciones.",
    ),
    "about": (
        "{source} · {width} × {height} px{frame} · {model} · {seconds} s",
        "{source} · {width} × {height} px{frame} · {model} · {seconds} s",
    ),
    "about-frame": (" · frame {frame} of {frames}", " · fotograma {frame} de {frames}"),
    "legend-cam": ("evidence for “{title}”", "evidencia de «{title}»"),
    "legend-contribution": (
        "against (blue) or for (red) “{title}”",
        "en contra (azul) o a favor (rojo) de «{title}»",
    ),
    "how-cam": (
        "Grad-CAM++: one weight a channel, so it forgets where the network looked. Contribution is exact.",
        "Grad-CAM++: un peso por canal, por lo que olvida dónde miró la red. La contribución es exacta.",
    ),
    "how-contribution": (
        "Contribution: what each spot adds to the answer, exactly; all spots together are the answer.",
        "Contribución: lo que cada punto suma a la respuesta, con exactitud; todos juntos la forman.",
    ),
    "legend-off": ("no heatmap", "sin mapa de calor"),
    "peek": ("Hold O to see what lies under it", "Mantenga O para ver lo que hay debajo"),
    "file-error": ("Not analyzed.", "No analizada."),
    "spacing-error": ("Not measured.", "No medida."),
    "gone": (
        "This answer was put away to save memory; drop the picture again.",
        "Esta respuesta se descartó para ahorrar memoria; vuelva a soltar la imagen.",
    ),
    "failed": (
        "Something went wrong inside the program, not with your picture; try again.",
        "Algo ha fallado en el programa, no en su imagen; inténtelo de nuevo.",
    ),
    "upload-failed": (
        "The file could not be sent; check its size and name, and that the program still runs.",
        "No se ha podido enviar el archivo; compruebe su tamaño y nombre, y que el programa sigue activo.",
    ),
    "too-large": (
        "This file is too large: at most {limit} MB are read.",
        "El archivo es demasiado grande: se leen como máximo {limit} MB.",
    ),
    "no-number": (
        "“{value}” is no number; write it like 0.21.",
        "«{value}» no es un número; escríbalo como 0,21.",
    ),
    "device": (
        "Research software, not a medical device.",
        "Programa de investigación; no es un producto sanitario.",
    ),
    "stays": (
        "Nothing leaves this computer; nothing is kept.",
        "Nada sale de este equipo y nada se guarda.",
    ),
    "shared": (
        "This page runs on a shared server: send no patient's picture. Nothing is kept.",
        "Esta página funciona en un servidor compartido: no envíe imágenes de pacientes. Nada se guarda.",
    ),
    "as-scanned": ("The picture as scanned.", "La imagen original."),
    "example-normal": ("no mass", "sin masa"),
    "example-benign": ("benign", "benigna"),
    "example-benign_with_text": ("with text", "con texto"),
    "example-malignant": ("malignant", "maligna"),
    "example-malignant_two": ("two masses", "dos masas"),
    "example-malignant_cine": ("cine DICOM", "cine DICOM"),
    "fact-name": ("Bundle", "Modelo"),
    "fact-labels": ("Grades", "Grados"),
    "fact-trunk": ("Network", "Red"),
    "fact-input": ("Input", "Entrada"),
    "fact-bands": ("Colours from", "Colores desde"),
    "fact-masks": ("Mask thresholds", "Umbrales de máscara"),
    "fact-training": ("Training", "Entrenamiento"),
    "fact-licence": ("Licence", "Licencia"),
    "fact-calibrated": ("Calibrated", "Calibrado"),
    "fact-gate": ("Checks the kind of image", "Comprueba el tipo de imagen"),
    "yes": ("yes", "sí"),
    "no": ("no", "no"),
    "facts": ("What is loaded", "Qué está cargado"),
    "card": ("Model card (in its author's words)", "Ficha del modelo (en palabras de su autor)"),
}

_KINDS_EN = r"a PNG, JPEG, TIFF, BMP, WebP, GIF or DICOM file"
_KINDS_ES = "un PNG, JPEG, TIFF, BMP, WebP, GIF o DICOM"
# What a user can meet, in the library's English, and the same as a Spanish reader would write it.
_ERRORS: tuple[tuple[str, str], ...] = (
    (
        r"This file is cut short: .*",
        "El archivo está incompleto: falta parte de la imagen; cópielo o expórtelo de nuevo.",
    ),
    (
        r"This file is damaged or of an unsupported kind; .*",
        "El archivo está dañado o no es compatible; expórtelo de nuevo como PNG o DICOM sin comprimir.",
    ),
    (
        r"This DICOM file holds no picture .*",
        "Este archivo DICOM no contiene ninguna imagen (puede ser un informe, un plan o un índice de carpeta).",
    ),
    (
        r"This DICOM file holds a film .*",
        "Este archivo DICOM contiene un vídeo (MPEG, H.264 o H.265); expórtelo como imágenes sueltas.",
    ),
    (
        r"This picture is one even shade: .*",
        "La imagen es de un solo tono: no hay nada que ver en ella.",
    ),
    (rf"This file is empty; choose {_KINDS_EN}\.", f"El archivo está vacío; elija {_KINDS_ES}."),
    (
        rf"This file holds text; choose {_KINDS_EN}\.",
        f"El archivo contiene texto; elija {_KINDS_ES}.",
    ),
    (
        rf"This file is an SVG drawing; choose {_KINDS_EN}\.",
        f"El archivo es un dibujo SVG; elija {_KINDS_ES}.",
    ),
    (
        rf"This file is a PDF document; choose {_KINDS_EN}\.",
        f"El archivo es un documento PDF; elija {_KINDS_ES}.",
    ),
    (
        rf"This file is a film or an HEIC picture; choose {_KINDS_EN}\.",
        f"El archivo es un vídeo o una imagen HEIC; elija {_KINDS_ES}.",
    ),
    (
        r"This file is a (?:ZIP|compressed) archive \(unpack it first\); .*",
        f"El archivo está comprimido (descomprímalo antes); elija {_KINDS_ES}.",
    ),
    (
        rf"This file is not a picture that can be read; choose {_KINDS_EN}\.",
        f"El archivo no es una imagen legible; elija {_KINDS_ES}.",
    ),
    (
        r"This file is too large: (?:inflated it exceeds|at most) (\d+) MB(?: are read)?\.",
        r"El archivo es demasiado grande: se leen como máximo \1 MB.",
    ),
    (
        r"This picture is too large(?: \((\d+) x (\d+) pixels\))?: at most (\d+) megapixels are read\.",
        r"La imagen es demasiado grande: se leen como máximo \3 megapíxeles.",
    ),
    (
        r"This picture is too small \((\d+) x (\d+) pixels\): a side needs at least (\d+)\.",
        r"La imagen es demasiado pequeña (\1 × \2 píxeles): cada lado necesita al menos \3.",
    ),
    (
        r"This picture holds values that are not numbers .*",
        "La imagen contiene valores que no son números (NaN o infinitos).",
    ),
    (r"Frame (\d+) is not in this picture: .*", r"La imagen no tiene el fotograma \1."),
    (
        r"A pixel must measure more than 0 and at most (\d+) mm, got (.+)\.",
        r"Un píxel debe medir más de 0 y como máximo \1 mm; se ha indicado \2.",
    ),
)


def text(key: str, language: str, **values: object) -> str:
    """A fixed text, filled in."""
    return TEXTS[key][LANGUAGES.index(check_language(language))].format(**values)


def error(message: str, language: str) -> str:
    """A message of the library in the reader's language; one that has no Spanish yet says that it is in English."""
    if check_language(language) == "en":
        return message
    for pattern, spanish in _ERRORS:
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found:
            return found.expand(spanish)
    return f"No se ha podido leer. Motivo, en inglés: {message}"


# Gradio's browser side looks every word up, translated or not, so no key may be a word by itself:
# with "lesion" as a key, a Spanish browser would never show the English "lesion".
_KEY = "hcc_xai-{}"


@lru_cache(maxsize=1)
def translator() -> Any:
    """The `gr.I18n` of all texts."""
    import gradio as gr

    return gr.I18n(
        **{
            language: {_KEY.format(key): both[i] for key, both in TEXTS.items()}
            for i, language in enumerate(LANGUAGES)
        }
    )


def i18n(key: str) -> Any:
    """A text that the browser shows in its own language until Python has set one."""
    return translator()(_KEY.format(key))
