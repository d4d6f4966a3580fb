"""Pages, widgets and the client in a real browser."""
