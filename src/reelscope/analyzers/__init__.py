"""The analyzers: a module (or small package) per name in `reelscope.document.names`, which defines `ANALYZER`, its class."""
