"""The demo: simulated devices, an embedded broker and scripted people around the production code."""
