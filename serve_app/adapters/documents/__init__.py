"""Transcripts as documents for people: Word and PDF."""

from serve_app.adapters.documents.docx import docx_bytes
from serve_app.adapters.documents.pdf import pdf_bytes

__all__ = ["docx_bytes", "pdf_bytes"]
