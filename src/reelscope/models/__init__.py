"""Models: which there are, where their files lie, what they are licensed under."""
