"""Drawings in SVG, each with a description in words."""
