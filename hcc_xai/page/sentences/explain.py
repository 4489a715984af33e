"""The tab "Explain": maps side by side, and their tests."""

from __future__ import annotations

# ruff: noqa: E501  (sentences, kept whole)
SENTENCES = {
    "explain-file": {"en": "Of {name}.", "es": "De {name}."},
    "explain-intro": {
        "en": "Several explanations of the picture on “Analyze”, side by side, and a test that each of them can fail. Wheel or + and − zoom all at once, 0 goes back.",
        "es": "Varias explicaciones de la imagen de «Analizar», una junto a otra, y una prueba que cada una puede suspender. La rueda o + y − amplían todas a la vez; 0 vuelve.",
    },
    "methods": {"en": "Methods (up to four)", "es": "Métodos (hasta cuatro)"},
    "against": {"en": "rather than", "es": "en vez de"},
    "nothing": {"en": "(no contrast)", "es": "(sin contraste)"},
    "layer": {"en": "Layer (of the CAMs)", "es": "Capa (de los CAM)"},
    "check": {"en": "test each map", "es": "probar cada mapa"},
    "explain-go": {"en": "Explain", "es": "Explicar"},
    "layers-go": {"en": "The layers at work", "es": "Las capas en acción"},
    "layers-said": {
        "en": "Layer-CAM for “{title}”, from the first block to the map that both heads read, each layer on its own scale.",
        "es": "Layer-CAM de «{title}», del primer bloque al mapa que leen ambas salidas, cada capa en su propia escala.",
    },
    "explain-first": {
        "en": "Choose a picture on “Analyze” first.",
        "es": "Elija antes una imagen en «Analizar».",
    },
    "explain-none": {"en": "Choose at least one method.", "es": "Elija al menos un método."},
    "explain-many": {
        "en": "Choose at most four methods.",
        "es": "Elija como máximo cuatro métodos.",
    },
    "explain-same": {
        "en": "A class cannot be contrasted with itself: choose another one.",
        "es": "Una clase no se puede contrastar consigo misma: elija otra.",
    },
    "testing": {"en": "Testing {method}", "es": "Probando {method}"},
    "check-tenth": {
        "en": "Hiding the highlighted tenth of the scan changes “{title}” from {before} to {tenth}; hiding a random tenth, to {random_tenth}.",
        "es": "Al ocultar la décima parte resaltada, «{title}» pasa de {before} a {tenth}; al ocultar una décima al azar, a {random_tenth}.",
    },
    "check-holds": {
        "en": "The test holds: it does better than {share} of random maps as smooth as it.",
        "es": "Supera la prueba: mejor que el {share} de los mapas al azar igual de suaves.",
    },
    "check-fails": {
        "en": "The test fails: it does better than only {share} of random maps as smooth as it. Do not believe this map.",
        "es": "No supera la prueba: solo mejor que el {share} de los mapas al azar igual de suaves. No se fíe de este mapa.",
    },
    "agreement": {
        "en": "Do they agree? Rank correlation inside the scan, 1 at most",
        "es": "¿Coinciden? Correlación de rangos dentro de la imagen, como máximo 1",
    },
    "curves-title": {"en": "Curves", "es": "Curvas"},
    "curves": {
        "en": "Probability as the map's highest places are hidden (orange, area {deletion}) or shown alone (blue, {insertion}), over the share of the scan; grey: random maps. ROAD {road}.",
        "es": "Probabilidad al ocultar los puntos más altos del mapa (naranja, área {deletion}) o mostrar solo estos (azul, {insertion}), según la proporción de la imagen; gris: mapas al azar. ROAD {road}.",
    },
    "method-contribution": {"en": "Contribution (exact)", "es": "Contribución (exacta)"},
    "method-eigen-cam": {
        "en": "Eigen-CAM (blind to the class)",
        "es": "Eigen-CAM (ciego a la clase)",
    },
    "method-integrated-gradients": {"en": "Integrated Gradients", "es": "Gradientes integrados"},
    "method-occlusion": {"en": "Occlusion", "es": "Oclusión"},
    "method-kernel-shap": {"en": "Kernel SHAP of superpixels", "es": "Kernel SHAP de superpíxeles"},
}
