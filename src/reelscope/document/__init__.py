"""The production document: its schema, how it is merged from the analyzers' results, and what is written from it."""
