"""Measures of words, intervals and the like that several readers of the document share. Pure Python."""
