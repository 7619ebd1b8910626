"""The server: an HTTP API over durable jobs, and the workers that do them.

The web process (app) never opens media. Workers (worker) analyse; both meet in a database (db, jobs, durable) and in files named by
their content (blobs).
"""
