"""PDF → Document: opening in a sandbox, layout, tables, figures, OCR, sections, passages."""
