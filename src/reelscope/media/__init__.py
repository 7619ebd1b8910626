"""Reading the clip: probe, one decode pass into windows of frames, audio as files that are read in blocks."""
