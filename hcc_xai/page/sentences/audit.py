"""The tab "Audit"."""

from __future__ import annotations

# ruff: noqa: E501  (sentences, kept whole)
SENTENCES = {
    "audit-intro": {
        "en": "May this model be used, and for whom? Your own images and a table (CSV: file, label, and any columns such as scanner, site, sex or age; mask if there is one), or a ZIP of both.",
        "es": "¿Puede usarse este modelo, y para quién? Sus propias imágenes y una tabla (CSV: archivo, etiqueta y cualquier columna, como ecógrafo, centro, sexo o edad; máscara si la hay), o un ZIP con ambas.",
    },
    "audit-files": {"en": "Choose images and table", "es": "Elegir imágenes y tabla"},
    "audit-go": {"en": "Run the audit", "es": "Auditar"},
    "audit-by": {"en": "Groups by", "es": "Grupos por"},
    "audit-against": {"en": "Compared with", "es": "Comparar con"},
    "audit-ready": {
        "en": "{n} images; nothing has run yet.",
        "es": "{n} imágenes; aún no se ha ejecutado nada.",
    },
    "audit-understood": {"en": "What was understood", "es": "Qué se ha entendido"},
    "audit-going": {"en": "Auditing", "es": "Auditando"},
}
