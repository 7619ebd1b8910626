"""One short-form video in, its complete production document out."""
