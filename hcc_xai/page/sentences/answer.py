"""The answer beside the picture, and the legend below it."""

from __future__ import annotations

# ruff: noqa: E501  (sentences, kept whole)
SENTENCES = {
    "waiting": {"en": "No picture yet.", "es": "Aún no hay imagen."},
    "waiting-more": {
        "en": "The answer will stand here: what was found, how sure, and why.",
        "es": "Aquí aparecerá la respuesta: qué se ha encontrado, con qué seguridad y por qué.",
    },
    "stopped-title": {"en": "Stopped: no answer", "es": "Detenida: sin respuesta"},
    "stopped-more": {
        "en": "The model knows only {pictures}. If it is one, you may see the answer; it stays marked.",
        "es": "El modelo solo conoce {pictures}. Si lo es, puede ver la respuesta; quedará marcada.",
    },
    "sure-not-dangerous": {
        "en": "The colour says how sure the answer is, not how dangerous.",
        "es": "El color indica lo segura que es la respuesta, no su gravedad.",
    },
    "no-doubts": {"en": "No reason to doubt was found.", "es": "No se ha hallado motivo de duda."},
    "one-doubt": {"en": "1 reason to doubt, below.", "es": "1 motivo de duda, abajo."},
    "doubts": {
        "en": "{count} reasons to doubt, below.",
        "es": "{count} motivos de duda, abajo.",
    },
    "told": {"en": "for information", "es": "información"},
    "probabilities": {"en": "Probabilities", "es": "Probabilidades"},
    "trust": {"en": "Can I trust this?", "es": "¿Puedo fiarme?"},
    "kind": {"en": "kind of image", "es": "tipo de imagen"},
    "evidence": {"en": "evidence", "es": "evidencia"},
    "hiding-wait": {"en": "hiding {the_targets}: …", "es": "al ocultar {the_targets}: …"},
    "second": {"en": "second opinion", "es": "segunda opinión"},
    "size": {"en": "size", "es": "tamaño"},
    "depth": {"en": "depth", "es": "profundidad"},
    "area": {"en": "area", "es": "área"},
    "described": {"en": "{one_target} 1, measured:", "es": "{one_target} 1, medidas:"},
    "none": {"en": "none outlined", "es": "sin delinear"},
    "others": {"en": "{count} more labels", "es": "otras {count} etiquetas"},
    "interval-note": {
        "en": "In brackets: the longest diameter within the dotted lines.",
        "es": "Entre paréntesis: el diámetro mayor dentro de las líneas de puntos.",
    },
    "dotted": {
        "en": "dotted: mostly {target}, most of {the_target}",
        "es": "puntos: casi todo {target}, casi todo de {the_target}",
    },
    "further": {
        "en": "{count} smaller ones are in the JSON.",
        "es": "Hay {count} menores en el JSON.",
    },
    "pixels-only": {
        "en": "Sizes are in pixels: the file states no spacing. Give it under Measurements.",
        "es": "Tamaños en píxeles: el archivo no indica la escala. Indíquela en Mediciones.",
    },
    "about": {
        "en": "{source} · {width} × {height} px{frame} · {model} · {seconds} s",
        "es": "{source} · {width} × {height} px{frame} · {model} · {seconds} s",
    },
    "about-frame": {"en": " · frame {frame} of {frames}", "es": " · fotograma {frame} de {frames}"},
    "legend-cam": {"en": "evidence for “{title}”", "es": "evidencia de «{title}»"},
    "legend-contribution": {
        "en": "against (blue) or for (red) “{title}”",
        "es": "en contra (azul) o a favor (rojo) de «{title}»",
    },
    "how-cam": {
        "en": "Grad-CAM++: one weight a channel, so it forgets where the network looked. Contribution is exact.",
        "es": "Grad-CAM++: un peso por canal, por lo que olvida dónde miró la red. La contribución es exacta.",
    },
    "how-contribution": {
        "en": "Contribution: what each spot adds to the answer, exactly; all spots together are the answer.",
        "es": "Contribución: lo que cada punto suma a la respuesta, con exactitud; todos juntos la forman.",
    },
    "legend-off": {"en": "no heatmap", "es": "sin mapa de calor"},
    "peek": {
        "en": "Hold O to see what lies under it",
        "es": "Mantenga O para ver lo que hay debajo",
    },
}
