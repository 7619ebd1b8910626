"""Features: what several analyzers need, computed once. A module `<name>.py` here defines `FEATURE`, its class."""
