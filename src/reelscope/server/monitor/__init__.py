"""What the server and its workers are doing, once a second: on the page, in /metrics, in `reelscope top` and in a file. docs/monitoring.md.

Each worker puts what its machine and its engine look like into its beat (`worker`); the server puts all of them together with the queue
(`watch`, `build`) into one `shapes.MonitorSnapshot`. A figure that is not known is null, never 0.
"""
