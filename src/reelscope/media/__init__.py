"""Reading the clip: probe, one decode pass into windows of frames, audio as a memory-mapped file."""
