"""The routes of the API, a module for each part of it; app.py puts them together."""
